"""Blocks: which update of a row counts, and how a block is halved."""

import pytest

from storage.write.block import Block, TopicRole, block_of, newest, newest_views
from stream.scored import DeadLetter, encode, version_of
from tests.support.events import NOON
from tests.support.scored import scored, view
from tests.support.sinks import block, record


def test_of_a_session_only_the_newest_update_is_a_row() -> None:
    rows = newest([scored(1), scored(3), scored(2), scored(1, session_id="s2")])
    assert {identity: row.event.offset for identity, row in rows.items()} == {
        ("default", "s1", NOON): 3,
        ("default", "s2", NOON): 1,
    }


def test_of_two_updates_of_one_version_the_later_one_counts() -> None:
    rows = newest([scored(1, probability=0.1), scored(1, probability=0.2)])
    assert [row.probability for row in rows.values()] == [0.2]


def test_a_page_view_is_a_row_even_when_the_newest_update_does_not_name_it() -> None:
    rows = newest_views(
        [scored(1, views=(view(1, seconds=0.0),)), scored(2, views=(view(1, seconds=9.0),)), scored(3, views=())]
    )
    assert [(version, seen.seconds) for version, seen in rows.values()] == [(version_of(2, False), 9.0)]


def test_halves_hold_the_same_records() -> None:
    letter = DeadLetter(log="l", partition=0, offset=0, reason="late", detail="", key=None, raw=b"")
    whole, _ = block_of(
        "log",
        [
            *(record("scored", n, encode(scored(n))) for n in range(5)),
            *(record("events", n, b"") for n in range(3)),
            record("dead", 0, encode(letter)),
        ],
    )
    parts, found = [whole], []
    while parts:
        part = parts.pop()
        if len(part) == 1:
            found += part.records()
        else:
            parts += part.halves()
            assert all(len(half) for half in part.halves())
    assert sorted((r.role, r.offset) for r in found) == sorted((r.role, r.offset) for r in whole.records())


def test_positions_are_the_last_record_of_each_partition() -> None:
    whole, _ = block_of("log", [record("events", 4, b"", partition=1), record("events", 5, b"", partition=1)])
    assert [(p.role, p.partition, p.next, p.timestamp) for p in whole.positions] == [("events", 1, 6, 1005)]


def test_a_scored_session_that_cannot_be_read_is_refused_and_still_moves_the_position() -> None:
    whole, refused = block_of("log", [record("scored", 7, b"{}")])
    assert [r.offset for r in refused] == [7]
    assert "site" in refused[0].detail
    assert (len(whole), whole.positions[0].next) == (0, 8)


def test_a_lone_surrogate_is_undecodable() -> None:
    value = encode(scored(1)).replace(b'"v1"', b'"\\ud800"')
    assert record("scored", 1, value).content is None


@pytest.mark.parametrize("role", ["scored", "dead"])
def test_a_record_nested_without_end_is_undecodable(role: TopicRole) -> None:
    read = record(role, 1, b'{"x":' + b"[" * 200_000)
    assert (read.content, read.detail) == (None, "nested too deeply")


def test_an_empty_block_is_empty() -> None:
    assert len(Block("log")) == len(block()) == 0
