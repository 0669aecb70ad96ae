"""In CI an unexplained skip fails the run, and CI runs what a user runs; tests run beside each other, and end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parallel import group_of
from tests.support.ports import BLOCK, FIRST, free_port
from tests.support.skips import ALLOWED, Rule, not_allowed, read_rules

ROOT = Path(__file__).parents[2]

SKIPPED = """
import pytest
from tests.support.skips import Skips
def test_that_runs(): pass
@pytest.mark.{mark}
def test_that_does_not(): assert False
"""

HANGS = """
import asyncio
async def test_it():
    await asyncio.create_task(waits())
async def waits():
    await asyncio.Event().wait()  # for ever
"""

FORMS = """
import pytest

@pytest.fixture(
    scope="module",
    params=["embedded", "services"],
)
def stack(request):
    return request.param

@pytest.mark.parametrize("number", range(9))
def test_it(stack, number): pass
"""

CONFTEST = """
from pathlib import Path
from tests.support import skips
def pytest_configure(config):
    if skips.strict():
        config.pluginmanager.register(skips.Skips(Path(__file__).with_name("allowed.toml")))
"""


def run_pytest(folder: Path, *options: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder as a run of their own, with the plugins that are named only."""
    # Without a folder of its own a run of xdist clears away what earlier runs of all tests have left, for minutes.
    options = ("--basetemp", str(folder / "temporary"), *options)
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "CI": ci}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, *options, folder],
        cwd=ROOT,
        env=plugins,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "by-xdist"])
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
def test_an_unexplained_skip_fails_in_ci(
    ci: str, mark: str, allowed: str, code: int, options: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "allowed.toml").write_text(allowed)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(SKIPPED.format(mark=mark))
    done = run_pytest(tmp_path, *options, ci=ci)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("skipped in CI (Skipped: no reason)" in done.stdout) == (code == 1)
    expected = "1 xfailed" if mark.startswith("xfail") else "1 skipped"
    assert re.fullmatch(rf"1 passed, {expected} in [0-9.]+s.*", done.stdout.splitlines()[-1])


def test_a_test_that_hangs_fails_with_the_stacks_of_its_tasks(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HANGS)
    (tmp_path / "conftest.py").write_text("from tests.support.hung import pytest_timeout_set_timer")
    done = run_pytest(tmp_path, "-p", "pytest_timeout", "-p", "asyncio", "--timeout", "1", "--asyncio-mode", "auto")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Timeout (>1.0s)" in done.stdout
    assert "await asyncio.Event().wait()  # for ever" in done.stderr + done.stdout


def test_tests_of_one_stack_are_one_group(tmp_path: Path) -> None:
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "tests/browser").mkdir()
    (tmp_path / "tests/browser/conftest.py").write_text('@pytest.fixture(scope="package")\ndef browser(): ...')
    (tmp_path / "tests/e2e/test_a.py").write_text("@pytest.fixture\ndef stack(): ...")
    (tmp_path / "tests/e2e/test_b.py").write_text('@pytest.fixture(\n    scope="module",\n)\ndef stack(): ...')
    (tmp_path / "tests/e2e/test_c.py").write_text(FORMS)
    groups = {
        "tests/e2e/test_a.py::test_it": "tests/e2e/test_a.py::test_it",
        "tests/e2e/test_b.py::test_it": "tests/e2e/test_b.py",
        "tests/e2e/test_c.py::test_it[embedded]": "tests/e2e/test_c.py embedded",
        "tests/e2e/test_c.py::test_it[services-2]": "tests/e2e/test_c.py services",
        "tests/browser/test_c.py::test_it": "tests/browser",
        "tests/stream/test_d.py::test_it[2]": "tests/stream/test_d.py",
    }
    assert {test: group_of(test, tmp_path) for test in groups} == groups


def test_one_worker_runs_a_whole_group(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.support.parallel import Groups\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(Groups())\n"
    )
    (tmp_path / "test_it.py").write_text(FORMS)
    said = run_pytest(tmp_path, "-p", "xdist", "-n", "2", "-vv").stdout
    workers: dict[str, set[str]] = {}
    for worker, form in re.findall(r"^\[(gw\d)\].* PASSED \S+\[(\w+)-\d\]", said, re.MULTILINE):
        workers.setdefault(form, set()).add(worker)
    assert {form: len(its) for form, its in workers.items()} == {"embedded": 1, "services": 1}, said


def test_no_two_runs_have_a_port_in_common() -> None:
    code = "from tests.support.ports import free_port; print(free_port(), flush=True); input()"
    ours = free_port()
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    ports = [ours, free_port()]
    for each in running:
        assert each.stdout is not None
        ports.append(int(each.stdout.readline()))
    for each in running:
        each.communicate(b"\n")
    assert len(set(ports)) == 4
    assert len({(port - FIRST) // BLOCK for port in ports}) == 3


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
        "make secrets",
        "make test",
        "make test-train",
    ]
    assert "export CI=true" in commands
