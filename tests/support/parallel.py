"""Which tests one worker of pytest-xdist runs together, and which come first.

The tests of a file are one group, as they may share what takes long to make: a running stack, a browser, a large file.
A test that takes long by itself goes to whichever worker is free, unless its file has such a fixture.
"""

import functools
import re
from pathlib import Path

import pytest

#: What takes longest comes first, so that no worker is left with it at the end; other folders follow.
FIRST = ("tests/e2e", "tests/browser", "tests/integration", "tests/deploy", "tests/contract", "tests/storage")
#: Folders of tests that take long each.
SPREAD = ("tests/e2e", "tests/integration", "tests/deploy", "tests/contract")

_SCOPE = re.compile(r'^@pytest\.fixture\([^@]*?scope="(class|module|package)"', re.MULTILINE)


class Groups:
    """Sorts the tests, and marks the groups for pytest-xdist."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            file = item.nodeid.partition("::")[0]
            if group := group_of(file, config.rootpath):
                item.add_marker(pytest.mark.xdist_group(group))
        items.sort(key=lambda item: rank(item.nodeid))


def rank(test: str) -> int:
    """The place of a test's folder among those that come first."""
    return next((place for place, folder in enumerate(FIRST) if test.startswith(f"{folder}/")), len(FIRST))


def group_of(file: str, root: Path) -> str:
    """The group of a file's tests: the folder whose tests share a fixture, or the file; "" for tests by themselves."""
    folder = Path(file).parent
    if "package" in _scopes(root / folder / "conftest.py"):
        return folder.as_posix()
    spread = any(file.startswith(f"{each}/") for each in SPREAD)
    if spread and not _scopes(root / file) | _scopes(root / folder / "conftest.py"):
        return ""
    return file


@functools.cache
def _scopes(file: Path) -> frozenset[str]:
    """The scopes of a file's fixtures that several tests share, but not all."""
    return frozenset(_SCOPE.findall(file.read_text())) if file.exists() else frozenset()


def without_group(test: str) -> str:
    """A test's id as it is without pytest-xdist, which writes the group behind it."""
    return test.rpartition("@")[0] if test.rfind("@") > test.rfind("]") else test
