"""What a peer is given: where Kafka is, which topics, which model, calendar and page statistics. A file of JSON."""

import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from scoring.manifest import Manifest
from scoring.onnx import OnnxModel
from stream.fold.calendar import Calendar
from stream.fold.pages import PageRow, PagesMarker, PageStatistics


class PeerTask(Struct, frozen=True, kw_only=True):
    """`graph` is a file; `state` is a folder for what a peer stores."""

    bootstrap: str
    events_topic: str
    scored_topic: str
    group: str
    graph: str
    manifest: Manifest
    timezone: str
    holidays: str
    special_days: tuple[str, ...]
    pages: list[PageRow]
    state: str

    def model(self) -> OnnxModel:
        return OnnxModel(Path(self.graph).read_bytes(), self.manifest)

    def calendar(self) -> Calendar:
        return Calendar(self.timezone, self.holidays, self.special_days)

    def statistics(self) -> PageStatistics:
        """The pages, in force."""
        statistics = PageStatistics()
        for offset, row in enumerate(self.pages):
            statistics.read(offset, row)
        statistics.read(len(self.pages), PagesMarker(_batch(self.pages), len(self.pages)))
        return statistics


def write(task: PeerTask, file: Path) -> None:
    file.write_bytes(msgspec.json.encode(task))


def read() -> PeerTask:
    """The task that the command line names."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=PeerTask)


def _batch(rows: Iterable[PageRow]) -> str:
    return next((row.batch for row in rows), "")
