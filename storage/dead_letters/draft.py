"""A dead letter as a person can read it, and as it can be sent again. Pure.

Its bytes may be anything: what is no printable character is escaped, so that nothing of it changes the page around it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.events import Event, UndecodableError, decode
from ingest.schemas import SentEvent
from stream.fold.partition import LATE
from stream.scored import DeadReason

#: Members of a sent event, of which a draft keeps what a text that is no event has.
_MEMBERS = SentEvent.__struct_fields__
_LINES = "\n\t"


def event_of(key: bytes | None, raw: bytes) -> Event | None:
    """The event that the letter holds, None where it is none."""
    try:
        found = decode(key, raw)
    except UndecodableError:
        return None
    return found if isinstance(found, Event) else None


def readable(raw: bytes) -> tuple[str, bool]:
    """The bytes as printable text, and whether they are text at all."""
    try:
        text, is_text = raw.decode(), True
    except UnicodeDecodeError:
        text, is_text = raw.decode("ascii", "backslashreplace"), False
    return "".join(each if each.isprintable() or each in _LINES else _escaped(each) for each in text), is_text


def draft(event: Event | None, raw: bytes) -> dict[str, Any] | None:
    """The event as a batch of the ingest API has it; of a text that is no event, its members that a batch knows."""
    if event is not None:
        return _sent(event)
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return {name: found[name] for name in _MEMBERS if name in found} if isinstance(found, dict) else None


def hint(reason: DeadReason, topic: str, event: Event | None, now: int) -> str:
    """What to mind before it is sent again, "" where there is nothing."""
    if topic != "events":
        return "it is no event: `opecom replay` makes scores again from the log"
    if event is not None and event.clock != "live":
        return "it is of an import: import that history again, or fold the log again with `opecom replay`"
    if reason == "overflow":
        return "its session has 2,000 events already: sent again it is one too many as well"
    if event is not None and now - event.occurred_at > LATE:
        return (
            "it would be late: leave occurred_at out and it counts now; in its own place only `opecom replay "
            "--include-late` folds it"
        )
    if event is None:
        return "it is no event as it stands: write what the visitor did, then send it"
    return ""


def _sent(event: Event) -> dict[str, Any]:
    given: Mapping[str, Any] = msgspec.to_builtins(event)
    found = {name: given[name] for name in _MEMBERS if given.get(name) is not None}
    found["visitor_type"] = event.context.visitor_type
    if event.page is not None:
        page = {"url": event.page.path, "type": event.page.type, "referrer": event.page.referrer}
        found["page"] = {name: value for name, value in page.items() if value is not None}
    for name in ("purchase", "commerce"):
        if name in found:
            found[name] = {each: value for each, value in found[name].items() if each != "verified"}
    return found


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"
