"""What a system logged and counted, beside the failure of a test that used it; later both are gone."""

import dataclasses
import re
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.support.stack import Stack

#: How many of the last lines of each log are shown.
LINES = 25
METRIC = re.compile(r"opecom_(worker|writer)_(?!.*(_bucket|_created)\b).*(?<! 0\.0)$")
METRICS_PORTS = ("OPECOM_WORKER__METRICS_PORT", "OPECOM_STORAGE__METRICS_PORT")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report: pytest.TestReport = yield
    if report.failed:
        for stack in stacks_of(getattr(item, "funcargs", {}).values()):
            report.sections.append((f"system in {stack.folder}", "\n".join([*logged(stack), *counted(stack)])))
    return report


def stacks_of(fixtures: Iterable[Any], within: tuple[Any, ...] = ()) -> Iterator[Stack]:
    """The systems among the values of a test's fixtures, and in their fields.

    within: what the values are fields of, as some refer to each other.
    """
    for each in fixtures:
        if isinstance(each, Stack):
            yield each
        elif dataclasses.is_dataclass(each) and not any(each is other for other in within):
            fields = [getattr(each, field.name) for field in dataclasses.fields(each)]
            yield from stacks_of(fields, (*within, each))


def logged(stack: Stack) -> Iterator[str]:
    for log in sorted((stack.folder / "data/logs").glob("*.log")):
        yield from (f"{log.stem}: {line}" for line in log.read_text(errors="replace").splitlines()[-LINES:])


def counted(stack: Stack) -> Iterator[str]:
    """The metrics of worker and writer that are not 0, or why they could not be read."""
    for name in METRICS_PORTS:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{stack.environment[name]}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError as error:
            yield f"{name}: {error}"
            continue
        yield from filter(METRIC.match, lines)
