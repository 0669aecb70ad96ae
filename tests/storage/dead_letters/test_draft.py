"""Dead letters as people read them, and as they can be sent again."""

import msgspec
import pytest

from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext
from ingest.collect import event_of as event_sent
from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Context, Custom, Event, Page, Ping, Purchase, encode, key_of
from ingest.schemas import SentEvent
from storage.dead_letters.draft import draft, event_of, hint, readable
from storage.dead_letters.place import LetterPlace, WrongPlaceError
from tests.support.events import NOON, event

EVENTS = [
    pytest.param(event(1, page=Page("/p/1", "ProductRelated", "https://a.example/")), id="page view"),
    pytest.param(event(1, type="page_view", page=Page("/")), id="page without a type"),
    pytest.param(event(2, type="page_ping", ping=Ping(900, 12.5)), id="ping"),
    pytest.param(event(3, type="custom", custom=Custom("c", "a", "l", 2.5)), id="custom"),
    pytest.param(event(4, type="purchase", purchase=Purchase(9.5, "o1", "EUR", True)), id="verified purchase"),
    pytest.param(
        event(5, type="commerce", commerce=Commerce("add_to_cart", 9.0, "EUR", (CommerceItem("p", 2.0, 4.5),))),
        id="commerce",
    ),
    pytest.param(
        event(6, type="session_start", history=VisitorHistory(3, 1, 2.5), context=Context(visitor_type="Other")),
        id="start",
    ),
]


@pytest.mark.parametrize("given", EVENTS)
def test_a_draft_is_the_event_that_the_ingest_api_makes_the_same_event_of(given: Event) -> None:
    made = draft(given, b"")
    sent = msgspec.json.decode(msgspec.json.encode(made), type=SentEvent)
    sender = SenderContext(Grant(SiteAccess(given.site), "write", ""), NOON, verified=True)
    again = event_sent(sent, given.site, None, sender)
    # What the request tells of the visitor is the request's, and no part of a draft but the visitor's type.
    known = msgspec.structs.replace(Context(), visitor_type=again.context.visitor_type)
    assert msgspec.structs.replace(again, context=known) == given


def test_of_a_text_that_is_no_event_a_draft_has_what_a_batch_knows() -> None:
    raw = b'{"type":"page_view","session_id":"s 1","clock":"live","page":{"url":"/"},"received_at":5}'
    assert draft(event_of(b"shop/s1", raw), raw) == {
        "type": "page_view",
        "session_id": "s 1",
        "page": {"url": "/"},
    }
    assert draft(None, b"[1]") is None
    assert draft(None, b"\xff{") is None
    assert draft(None, b"[" * 100_000) is None


@pytest.mark.parametrize(
    ("raw", "text", "is_text"),
    [
        pytest.param(b'{"a":\n1}', '{"a":\n1}', True, id="text"),
        pytest.param(
            "<b>\u202egnp.exe\u200b\x1b[31m\x00".encode(), "<b>\\u202egnp.exe\\u200b\\x1b[31m\\x00", True, id="tricks"
        ),
        pytest.param("naïve 🛒".encode(), "naïve 🛒", True, id="letters of all kinds"),
        pytest.param("\U000e0041".encode(), "\\U000e0041", True, id="beyond the plane"),
        pytest.param(b"\xff\xfe{", "\\xff\\xfe{", False, id="no text"),
        pytest.param(b"", "", True, id="nothing"),
    ],
)
def test_bytes_are_shown_with_everything_escaped_that_is_not_printable(raw: bytes, text: str, is_text: bool) -> None:
    assert readable(raw) == (text, is_text)


MINUTE = 60_000
WRITTEN = event(1)


@pytest.mark.parametrize(
    ("reason", "topic", "of", "now", "begins"),
    [
        pytest.param("failed", "events", WRITTEN, NOON, "", id="nothing"),
        pytest.param("late", "events", WRITTEN, NOON + 10 * MINUTE + 1, "it would be late", id="late"),
        pytest.param("failed", "events", WRITTEN, NOON + 11 * MINUTE, "it would be late", id="late by now"),
        pytest.param("overflow", "events", WRITTEN, NOON, "its session has 2,000", id="overflow"),
        pytest.param("undecodable", "events", None, NOON, "it is no event as it stands", id="no event"),
        pytest.param("failed", "scored-sessions", None, NOON, "it is no event:", id="a score"),
        pytest.param("failed", "events", event(1, clock="replayed"), NOON, "it is of an import", id="of an import"),
    ],
)
def test_a_hint_names_what_to_mind(reason: str, topic: str, of: Event | None, now: int, begins: str) -> None:
    found = hint(reason, topic, of, now)  # type: ignore[arg-type]
    assert found.startswith(begins)
    assert bool(found) == bool(begins)


def test_only_a_record_that_is_an_event_counts_as_one() -> None:
    assert event_of(key_of("default", "s1"), encode(WRITTEN)) == WRITTEN
    assert event_of(b"other/s1", encode(WRITTEN)) is None
    assert event_of(None, b'{"control":"tick","clock":"live","to":1}') is None


def test_places_are_read_as_they_are_written() -> None:
    place = LetterPlace("a:b", "events", 3, 2**50)
    assert LetterPlace.parse(str(place)) == place
    for text in ("", "events:0:1", "log:events:-1:1", "log:events:0:x", "log:events:0:" + "9" * 20, ":events:0:1"):
        with pytest.raises(WrongPlaceError):
            LetterPlace.parse(text)
