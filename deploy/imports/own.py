"""Our own events: in the form of `POST /v1/batch`, as the log keeps them, or flat with dotted column names."""

from collections.abc import Sequence
from typing import Any

from deploy.imports.errors import ImportFileError, RowRefusedError
from deploy.imports.fields import FIELDS, PLAIN_TIMES, event_of_fields

#: What the log adds to an event, and a batch does not take.
_OF_THE_LOG = ("clock", "flags", "schema_version")


def require_fields(file: object, columns: Sequence[str]) -> None:
    """Raises ImportFileError where a table has a column that is no field, or lacks those that every event has."""
    unknown = [column for column in columns if column not in FIELDS]
    if unknown:
        raise ImportFileError(
            f"{file}: the column {unknown[0][:60]!r} is no field of an event (docs/import.md lists them): rename it, "
            "or say what the columns are with --mapping"
        )
    missing = [field for field in ("type", "session_id") if field not in columns]
    if missing or not {"occurred_at", "received_at"} & set(columns):
        raise ImportFileError(f"{file}: the columns lack {', '.join(missing) or 'occurred_at'}")


def event_of_own(values: dict[str, Any]) -> dict[str, Any]:
    """An event as a batch has it; raises RowRefusedError."""
    if any("." in name for name in values) or not any(isinstance(value, dict) for value in values.values()):
        unknown = [name for name in values if name not in FIELDS and name not in _OF_THE_LOG]
        if unknown:
            raise RowRefusedError(f"{unknown[0][:60]!r} is no field of an event")
        return event_of_fields((name, cell) for name, cell in values.items() if name in FIELDS)
    event: dict[str, Any] = {name: _whole(value) for name, value in values.items() if value is not None}
    if "bot" in (event.get("flags") or ()):
        raise RowRefusedError("a program's visit, as the log says", left_out=True)
    for name in _OF_THE_LOG:
        event.pop(name, None)
    for name in ("occurred_at", "received_at"):
        if name in event:
            event[name] = PLAIN_TIMES.millis(event[name], name)
    page = event.get("page")
    if isinstance(page, dict) and "path" in page:
        event["page"] = {**page, "url": page["path"]}
        del event["page"]["path"]
    for name in ("purchase", "commerce"):
        if isinstance(event.get(name), dict):
            event[name].pop("verified", None)
    return event


def _whole(value: Any) -> Any:
    """The value without what Parquet has for absent members."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items() if each is not None}
    return [_whole(each) for each in value] if isinstance(value, list) else value
