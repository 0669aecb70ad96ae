"""Which tests one worker of pytest-xdist runs together, and which come first.

The tests of a file are one group, as they may share what takes long to make: a running stack, a browser, a large file.
Where that comes in several forms (an embedded stack, one of services), each form is a group. A test that takes long by
itself goes to whichever worker is free, unless its file has such a fixture.
"""

import functools
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from xdist.scheduler import LoadScopeScheduling

#: What takes longest comes first, so that no worker is left with it at the end; other folders follow.
FIRST = ("tests/e2e", "tests/browser", "tests/integration", "tests/deploy", "tests/contract", "tests/storage")
#: Folders of tests that take long each.
SPREAD = ("tests/e2e", "tests/integration", "tests/deploy", "tests/contract")

_SHARED = re.compile(
    r'^@pytest\.fixture\((?P<given>(?:(?!^def ).)*?scope="(?P<scope>class|module|package)"(?:(?!^def ).)*?)^def ',
    re.MULTILINE | re.DOTALL,
)


class SharedFixture(NamedTuple):
    """A fixture that several tests share, but not all; `forms` has the names of its parameters."""

    scope: str
    forms: tuple[str, ...]


class Groups:
    """Sorts the tests, and gives each worker whole groups.

    pytest-xdist's own groups (--dist loadgroup) are without effect under pytest 9.2: it writes them into an attribute
    that pytest no longer reads.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: rank(item.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        # In the order of the tests, not the largest groups first.
        config.option.loadscopereorder = False
        return _Scheduling(config, log)


class _Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid, self.config.rootpath)


def rank(test: str) -> int:
    """The place of a test's folder among those that come first."""
    return next((place for place, folder in enumerate(FIRST) if test.startswith(f"{folder}/")), len(FIRST))


def group_of(test: str, root: Path) -> str:
    """The group of a test: the folder whose tests share a fixture, or its file with the fixture's form, or itself."""
    file, _, name = test.partition("::")
    folder = Path(file).parent
    around = shared(root / folder / "conftest.py")
    if any(fixture.scope == "package" for fixture in around):
        return folder.as_posix()
    fixtures = shared(root / file) + around
    if not fixtures and any(file.startswith(f"{each}/") for each in SPREAD):
        return test
    given = name.partition("[")[2]
    return " ".join([file, *(form for fixture in fixtures for form in fixture.forms if form in given)])


@functools.cache
def shared(file: Path) -> tuple[SharedFixture, ...]:
    """The fixtures of a file that several tests share, but not all."""
    found = _SHARED.finditer(file.read_text()) if file.exists() else ()
    return tuple(SharedFixture(each["scope"], tuple(re.findall(r'"([^"]+)"', each["given"]))) for each in found)
