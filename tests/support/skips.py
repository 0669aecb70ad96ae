"""In CI a test may be skipped only where tests/allowed_skips.toml says why; anything else fails the run."""

import os
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ALLOWED = Path(__file__).parents[1] / "allowed_skips.toml"


def strict() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


@dataclass(frozen=True)
class Rule:
    """Tests that may be skipped, where they say that reason; `*` stands for anything, [ and ] for themselves."""

    test: str
    said: str = "*"

    def covers(self, test: str, why: str) -> bool:
        return fnmatch(test, self.test.replace("[", "[[]")) and fnmatch(why, self.said.replace("[", "[[]"))


def read_rules(file: Path) -> list[Rule]:
    """The rules of an allow-list; each must have a `reason` for readers."""
    rules = tomllib.loads(file.read_text()).get("skip", [])
    return [Rule(rule["test"], rule.get("said", "*")) for rule in rules if rule["reason"]]


def not_allowed(skipped: dict[str, str], rules: list[Rule]) -> dict[str, str]:
    """Of the skipped tests and what they said, those that no rule covers."""
    return {test: why for test, why in skipped.items() if not any(rule.covers(test, why) for rule in rules)}


class Skips:
    """Collects what was skipped while the tests ran, and judges it at the end."""

    def __init__(self, allowed: Path) -> None:
        self._rules = read_rules(allowed)
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
        if not_allowed(self._skipped, self._rules) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, why in not_allowed(self._skipped, self._rules).items():
            terminalreporter.write_line(f"FAILED {test}: skipped in CI ({why}), and not in {ALLOWED.name}", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self._skipped[report.nodeid] = why
