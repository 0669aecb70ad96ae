"""What is declared in pyproject.toml and what an installation of it takes."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LISTS = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
#: Large libraries that `opecom up` runs without, though what it needs declares them.
LEFT_OUT = ("pandas", "pyarrow")
PACKAGES = ("ingest", "stream", "scoring", "storage", "deploy")
#: What other extras than the embedded one are for, and says so where one is missing.
OTHER_EXTRAS = ("scoring/learning", "scoring/training", "deploy/bench")
#: Only where the URL is MariaDB's, for which the extra `services` is installed.
FOR_SERVICES = {"deploy/simulate/verify/database.py: pymysql"}


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-")


@pytest.mark.parametrize("listed", LISTS)
def test_each_dependency_is_declared_once(listed: str) -> None:
    names = [name_of(each) for each in LISTS[listed] if not each.startswith("op-ecom[")]
    assert sorted(names) == sorted(set(names))
    if listed != "dependencies":
        assert not set(names) & {name_of(each) for each in LISTS["dependencies"]}


def test_the_embedded_profile_installs_no_data_frames() -> None:
    locked = (ROOT / "requirements/embedded.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==[^ ]+( ; [^\\\n]+)? \\$", locked, re.MULTILINE))
    assert "chdb-core" in pinned
    assert all("sys_platform == 'never'" in pinned.get(name, "sys_platform == 'never'") for name in LEFT_OUT)


def imported(module: Path) -> Iterator[str]:
    """The packages of others that a module imports, but for types, and for what it tries and explains the lack of."""
    tree = ast.parse(module.read_text())
    excused = {
        inner
        for node in ast.walk(tree)
        if (isinstance(node, ast.Try) and any("ImportError" in ast.unparse(each) for each in node.handlers))
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in excused:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def test_the_embedded_profile_installs_what_its_commands_import() -> None:
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements/embedded.txt").read_text(), re.MULTILINE))
    known = packages_distributions()
    missing = {
        f"{module.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        for module in (ROOT / package).rglob("*.py")
        if not str(module.relative_to(ROOT)).startswith(OTHER_EXTRAS)
        for name in imported(module)
        if name not in sys.stdlib_module_names and name not in PACKAGES
        if not {name_of(each) for each in known.get(name, [name])} & pinned
    }
    assert missing - FOR_SERVICES == set(), "`make up` and `make demo` install requirements/embedded.txt alone"
