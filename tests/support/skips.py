"""In CI a test may be skipped only where tests/allowed_skips.toml says why; anything else fails the run."""

import os
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ALLOWED = Path(__file__).parents[1] / "allowed_skips.toml"


def strict() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


def not_allowed(skipped: dict[str, str], patterns: list[str]) -> dict[str, str]:
    """Of the skipped tests and their reasons, those that no pattern covers; `*` stands for anything."""
    return {test: why for test, why in skipped.items() if not any(fnmatch(test, pattern) for pattern in patterns)}


class Skips:
    """Collects what was skipped while the tests ran, and judges it at the end."""

    def __init__(self, allowed: Path) -> None:
        self._patterns = [rule["test"] for rule in tomllib.loads(allowed.read_text()).get("skip", [])]
        self._skipped: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not_allowed(self._skipped, self._patterns) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, why in not_allowed(self._skipped, self._patterns).items():
            terminalreporter.write_line(f"FAILED {test}: skipped in CI ({why}), and not in {ALLOWED.name}", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self._skipped[report.nodeid] = why
