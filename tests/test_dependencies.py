"""What is declared in pyproject.toml and what an installation of it takes."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LISTS = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
#: Large libraries that `opecom up` runs without, though what it needs declares them.
LEFT_OUT = ("pandas", "pyarrow")


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
