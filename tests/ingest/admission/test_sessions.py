"""How many sessions may begin, on a clock of our own."""

import pytest

from ingest.admission.limits import NETWORK_FACTOR
from ingest.admission.sessions import SPAN, SessionAdmission
from ingest.errors import RequestRefusedError


def names(count: int, start: int = 0) -> list[bytes]:
    return [f"shop/s{number}".encode() for number in range(start, start + count)]


def admitted(sessions: SessionAdmission, keys: list[bytes], address: str | None = None, now: float = 0.0) -> str:
    """The setting that refuses them, empty where they may send."""
    try:
        sessions.admit(keys, "key", address, now)
    except RequestRefusedError as refused:
        return refused.reason.rpartition("(")[2].rstrip(")") if refused.retry_after else refused.code
    return ""


def test_a_key_begins_sessions_at_its_rate_and_those_that_are_open_go_on() -> None:
    sessions = SessionAdmission(per_key=10, per_address=1_000, most_open=10_000)
    assert [admitted(sessions, names(1, number)) for number in range(100)] == [""] * 100
    assert admitted(sessions, names(1, 100)) == "ingest.key_sessions_per_second"
    assert admitted(sessions, names(100)) == ""
    assert admitted(sessions, names(101)) == "ingest.key_sessions_per_second"
    assert admitted(sessions, names(10, 100), now=1.0) == ""
    assert len(sessions) == 110


def test_an_address_begins_sessions_at_its_rate_and_this_machine_at_that_of_its_key() -> None:
    sessions = SessionAdmission(per_key=1e6, per_address=2, most_open=10_000)
    assert admitted(sessions, names(120), "203.0.113.7") == ""
    assert admitted(sessions, names(1, 120), "203.0.113.7") == "ingest.address_sessions_per_second"
    assert admitted(sessions, names(1, 120), "203.0.113.8") == ""
    assert admitted(sessions, names(1_000, 1_000)) == ""


def test_the_subscribers_of_one_network_share_a_rate() -> None:
    sessions = SessionAdmission(per_key=1e6, per_address=1, most_open=100_000)
    answers = [
        admitted(sessions, names(60, 60 * subscriber), f"2001:db8:0:{subscriber:x}::1")
        for subscriber in range(NETWORK_FACTOR + 1)
    ]
    assert answers == [""] * NETWORK_FACTOR + ["ingest.address_sessions_per_second"]


def test_what_is_refused_takes_nothing() -> None:
    sessions = SessionAdmission(per_key=1, per_address=1, most_open=10_000)
    assert admitted(sessions, names(60), "203.0.113.7") == ""
    assert admitted(sessions, names(1, 100), "203.0.113.8") == "ingest.key_sessions_per_second"
    assert len(sessions) == 60
    assert admitted(sessions, names(9, 100), "203.0.113.8", now=59.0) == ""


def test_open_sessions_are_bounded_and_those_that_are_idle_make_room() -> None:
    sessions = SessionAdmission(per_key=1e6, per_address=1e6, most_open=100)
    assert admitted(sessions, names(100)) == ""
    assert admitted(sessions, names(1, 100)) == "ingest.max_open_sessions"
    assert admitted(sessions, names(50), now=SPAN + 1) == ""
    assert admitted(sessions, names(1, 100), now=SPAN + 1) == "ingest.max_open_sessions"
    assert admitted(sessions, names(50, 100), now=2 * SPAN + 1) == ""
    assert len(sessions) == 100


def test_after_a_long_silence_nothing_is_known() -> None:
    sessions = SessionAdmission(per_key=1e6, per_address=1e6, most_open=100)
    assert admitted(sessions, names(100)) == ""
    assert admitted(sessions, names(100, 200), now=2 * SPAN) == ""


def test_ten_thousand_visitors_behind_one_address_are_let_in_within_the_hour() -> None:
    """The arithmetic of docs/security.md: each comes once, and a third of them in the same ten minutes."""
    sessions = SessionAdmission(per_key=500, per_address=10, most_open=200_000)
    rush, hour = 3_333, 10_000
    refused = sum(
        admitted(sessions, names(1, number), "203.0.113.7", 600.0 * number / rush) != "" for number in range(rush)
    )
    refused += sum(
        admitted(sessions, names(1, number), "203.0.113.7", 600.0 + 3000.0 * (number - rush) / (hour - rush)) != ""
        for number in range(rush, hour)
    )
    assert refused == 0


def test_a_flood_of_one_address_is_a_small_part_of_what_it_sent() -> None:
    sessions = SessionAdmission(per_key=500, per_address=10, most_open=200_000)
    let_in = sum(
        admitted(sessions, names(1, number), "203.0.113.7", 21.0 * number / 40_000) == "" for number in range(40_000)
    )
    assert let_in == pytest.approx(600 + 210, abs=2)
