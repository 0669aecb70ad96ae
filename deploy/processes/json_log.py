"""Log lines as JSON objects, one a line, for who collects the logs of all parts (`log.format = json`)."""

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

#: Words of our messages that name what the argument behind them identifies.
_NAMES = ("partition", "site", "session", "experiment", "intervention", "model", "job")
#: A placeholder of a message, and the name before it.
_PLACE = re.compile(rf"(?:\b({'|'.join(_NAMES)}) )?%(%|[-#0 +.\d]*[a-zA-Z])")
#: A field of a line of the audit trail (storage/http/audit_line.py): its value is a JSON string.
_PAIR = re.compile(r'\b([a-z]+)=("(?:[^"\\]|\\.)*")')


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `part`, `logger`, `event` (the message without its values, by which lines are counted),
    `message`, `ids` (where the message names any) and `error` (a traceback).

    What is no ASCII is escaped, so that a line steers no terminal.
    """

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        described: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "event": _event(record, message),
            "message": message,
        }
        if ids := dict(_ids(record, message)):
            described["ids"] = ids
        if record.exc_info:
            described["error"] = self.formatException(record.exc_info)
        return json.dumps(described)


def message_of(line: str) -> str:
    """The message of a line of the log, which may be one of JsonFormatter's."""
    if not line.startswith('{"time": '):
        return line
    try:
        return str(json.loads(line)["message"])
    except (ValueError, LookupError):
        return line


def log_failures() -> None:
    """From now on what Python writes by itself goes to the log as well: warnings, and what nobody caught."""
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("the part ends by a defect of ours", exc_info=(kind, error, trace))


def _uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    # As Python itself: a thread may end itself so.
    if failed.exc_type is not SystemExit and failed.exc_value is not None:
        log.critical("a thread ended by a defect", exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback))


def _unraisable(failed: "sys.UnraisableHookArgs") -> None:
    if failed.exc_value is not None:
        log.error("ignored in %r", failed.object, exc_info=(failed.exc_type, failed.exc_value, failed.exc_traceback))


def _event(record: logging.LogRecord, message: str) -> str:
    template = str(record.msg)
    if template == "%s":
        return message
    pair = None if record.args else _PAIR.search(template)
    return template[: pair.start()].strip() if pair else template


def _ids(record: logging.LogRecord, message: str) -> Iterator[tuple[str, str | int | float]]:
    """What the message names: by the words before its placeholders, or as fields of the audit trail."""
    if not record.args:
        for name, value in _PAIR.findall(message):
            yield name, json.loads(value)
        return
    if not isinstance(record.args, tuple):
        return
    values = iter(record.args)
    for name, form in _PLACE.findall(str(record.msg)):
        if form != "%" and (value := next(values, None)) is not None and name:
            yield name, value if isinstance(value, str | int | float) else str(value)
