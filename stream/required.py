"""Which versions of other topics a mark and the records of the log name, and so must have been read before them."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from ingest.events import Erase, UseExperiments, UsePages
from stream.fold.mark import Mark
from stream.fold.partition import LogRecord, controls


class RequiredVersions(NamedTuple):
    """Versions that must have been read before records are folded; 0 where they name none."""

    pages: int = 0
    erasures: int = 0
    experiments: int = 0


#: Waits until these versions have been read; raises TopicMissingError.
WaitForVersions = Callable[[RequiredVersions], Awaitable[None]]


def in_force_at(mark: Mark) -> RequiredVersions:
    """What must have been read before a fold begins at the mark: the records after it do not name it again."""
    return RequiredVersions(pages=mark.pages_version, experiments=mark.experiments_version)


def required_versions(records: Iterable[LogRecord]) -> RequiredVersions:
    """The newest versions that controls among these records name."""
    pages = erasures = experiments = 0
    for _, control in controls(records):
        if isinstance(control, UsePages):
            pages = max(pages, control.version)
        elif isinstance(control, Erase):
            erasures = max(erasures, control.version)
        elif isinstance(control, UseExperiments):
            experiments = max(experiments, control.version)
    return RequiredVersions(pages, erasures, experiments)
