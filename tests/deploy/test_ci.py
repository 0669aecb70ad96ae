"""In CI an unexplained skip fails the run, and CI runs what a user runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.skips import ALLOWED, Rule, not_allowed, read_rules

ROOT = Path(__file__).parents[2]

SKIPPED = """
import pytest
from tests.support.skips import Skips
def test_that_runs(): pass
@pytest.mark.{mark}
def test_that_does_not(): assert False
"""

CONFTEST = """
from pathlib import Path
from tests.support import skips
def pytest_configure(config):
    if skips.strict():
        config.pluginmanager.register(skips.Skips(Path(__file__).with_name("allowed.toml")))
"""


@pytest.mark.parametrize(
    ("ci", "mark", "allowed", "code"),
    [
        ("true", "skip(reason='no reason')", "", 1),
        ("true", "skip(reason='no reason')", '[[skip]]\ntest = "*that_does_not"\nreason = "an example"', 0),
        ("true", "xfail(reason='known', strict=True)", "", 0),
        ("", "skip(reason='no reason')", "", 0),
    ],
    ids=["in-ci", "in-ci-but-allowed", "expected-failures-are-no-skips", "elsewhere"],
)
def test_an_unexplained_skip_fails_in_ci(ci: str, mark: str, allowed: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "allowed.toml").write_text(allowed)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(SKIPPED.format(mark=mark))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("skipped in CI (Skipped: no reason)" in done.stdout) == (code == 1)


def test_patterns_cover_what_they_name_only() -> None:
    skipped = {"tests/a.py::test_x[1]": "no file", "tests/a.py::test_x[2]": "no Kafka", "tests/b.py::test_y": "no file"}
    assert not_allowed(skipped, [Rule("tests/a.py::test_x[*]", "no f*")]) == {
        "tests/a.py::test_x[2]": "no Kafka",
        "tests/b.py::test_y": "no file",
    }
    assert not_allowed(skipped, [Rule("*")]) == {}


def test_every_rule_of_ours_can_be_read() -> None:
    assert read_rules(ALLOWED)


def test_ci_runs_what_a_user_runs() -> None:
    commands = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in commands if line.startswith("make")] == [
        "make check",
        "make test",
        "make test-train",
    ]
    assert "export CI=true" in commands
