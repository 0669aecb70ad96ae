"""Log lines as JSON: what a line has, and that every part writes nothing else."""

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from deploy.cli.run import Part
from deploy.processes.json_log import JsonFormatter, message_of
from storage.http.audit_line import line
from tests.support.stack import new_stack

PARTS = get_args(Part)
FIELDS = {"time", "level", "part", "logger", "event", "message"}


def formatted(message: str, *values: object, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("stream.worker", logging.WARNING, "", 1, message, values, more.get("exc_info"))
    record.created = 1_735_732_800.25
    written = JsonFormatter("worker").format(record)
    assert "\n" not in written
    assert written.isascii()
    return dict(json.loads(written))


def test_a_line_has_time_level_part_event_and_ids() -> None:
    assert formatted("partition %d: folded %d events in %.1f s", 3, 120, 1.25) == {
        "time": "2025-01-01T12:00:00.250+00:00",
        "level": "warning",
        "part": "worker",
        "logger": "stream.worker",
        "event": "partition %d: folded %d events in %.1f s",
        "message": "partition 3: folded 120 events in 1.2 s",
        "ids": {"partition": 3},
    }


@pytest.mark.parametrize(
    ("message", "values", "event", "ids"),
    [
        ("Kafka answers", (), "Kafka answers", None),
        ("%s", ("whole and dynamic",), "whole and dynamic", None),
        ("of site %s: 100%% of %d", ("shop", 7), "of site %s: 100%% of %d", {"site": "shop"}),
        ("%5.1f s for partition %d of model %s", (1.0, 2, "m-1"), None, {"partition": 2, "model": "m-1"}),
        ("%(name)s alone", ({"name": "a dictionary"},), "%(name)s alone", None),
    ],
)
def test_events_and_ids(
    message: str, values: tuple[object, ...], event: str | None, ids: dict[str, Any] | None
) -> None:
    found = formatted(message, *values)
    assert found["event"] == (message if event is None else event)
    assert found.get("ids") == ids


def test_the_fields_of_the_audit_trail_are_ids() -> None:
    found = formatted(line('ops "a"', "GET /admin/stats", "shop", "", 200))
    expected = {"who": 'ops "a"', "action": "GET /admin/stats", "site": "shop", "subject": "", "result": "200"}
    assert (found["event"], found["ids"]) == ("audit", expected)


def test_a_line_stays_one_line_and_steers_no_terminal() -> None:
    try:
        raise ValueError("of\ntwo lines \x1b[2J")
    except ValueError:
        found = formatted("taken: %s", "\x1b[2J\n\u202e", exc_info=sys.exc_info())
    assert found["message"] == "taken: \x1b[2J\n\u202e"
    assert found["error"].endswith("ValueError: of\ntwo lines \x1b[2J")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("opecom: as it is", "opecom: as it is"),
        ('{"time": "now", "message": "the end"}', "the end"),
        ('{"time": "no', '{"time": "no'),
        ('{"time": 1}', '{"time": 1}'),
    ],
)
def test_the_message_of_a_line(line: str, message: str) -> None:
    assert message_of(line) == message


def lines(said: str) -> list[dict[str, Any]]:
    """The lines of stderr, all of which must be of the log."""
    read = [json.loads(each) for each in said.splitlines()]
    assert all(set(each) >= FIELDS for each in read)
    return read


@pytest.mark.parametrize("part", PARTS)
def test_each_part_reports_in_json_why_it_cannot_run(part: Part, tmp_path: Path) -> None:
    """With a port that is taken, or without a broker: the same line as in text, with the setting in it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        names = ("INGEST__PORT", "API__PORT", "SHOP__PORT", "WORKER__METRICS_PORT", "STORAGE__METRICS_PORT")
        more = ("WEBHOOKS__METRICS_PORT", "LEARNING__METRICS_PORT")
        settings = {f"OPECOM_{name}": port for name in (*names, *more)}
        stack = new_stack(tmp_path, **settings, OPECOM_LOG__FORMAT="json", OPECOM_KAFKA__OUTAGE_SECONDS="3")
        ended = stack.opecom("run", part)
    written = lines(ended.stderr)
    assert ended.returncode != 0, ended.stderr
    assert {each["part"] for each in written} == {part}
    assert written[-1]["level"] == "error"
    assert "opecom.toml" in written[-1]["message"] or "kafka." in written[-1]["message"]


FAILING = """
import sys, threading, warnings
from deploy.cli.run import log_to_stderr
from deploy.processes.json_log import JsonFormatter, log_failures

class Unwilling:
    def __del__(self):
        raise ValueError("unraisable")

log_to_stderr(JsonFormatter("worker"))
log_failures()
warnings.warn("a warning")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
del thread
Unwilling()
raise KeyError("the end")
"""


def test_what_python_writes_by_itself_is_a_line_too() -> None:
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    written = lines(done.stderr)
    assert [each["level"] for each in written] == ["warning", "critical", "error", "critical"]
    assert "a warning" in written[0]["message"]
    errors = [each["error"].splitlines()[-1] for each in written[1:]]
    assert errors == ["ZeroDivisionError: division by zero", "ValueError: unraisable", "KeyError: 'the end'"]
