"""Any order of a file gives the same sessions, and events of one time keep the order of their `sequence`."""

import gzip
import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.events import NOON
from tests.support.history import LogSender, import_into, sessions, view, write_lines

HOUR = 3_600_000
#: Coarse times, so that many events share one.
moments = st.integers(0, 240).map(lambda step: NOON + step * 60_000)


@st.composite
def a_row(draw: st.DrawFn) -> dict[str, Any]:
    row = view(draw(st.sampled_from("abcde")), draw(moments), draw(st.sampled_from(["/a", "/b", "/c"])))
    if draw(st.integers(0, 4)) == 0:
        del row["page"]
        row |= {
            "type": "purchase",
            "purchase": {"amount": draw(st.integers(1, 9)), "order_id": draw(st.text("xyz", max_size=2))},
        }
    return row


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows with a sequence each, so that none is a repetition of another one."""
    rows = draw(st.lists(a_row(), min_size=1, max_size=40))
    return [{**row, "sequence": number + 1} for number, row in enumerate(rows)]


def folded_history(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        sender = LogSender()
        import_into(sender, Path(folder), [write_lines(Path(folder, "h.jsonl"), rows)])
        return sessions(sender.log, max(row["occurred_at"] for row in rows))


@settings(deadline=None, max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_the_file_gives_the_same_sessions(rows: list[dict[str, Any]], chance: random.Random) -> None:
    shuffled = rows[:]
    chance.shuffle(shuffled)
    expected = folded_history(sorted(rows, key=lambda row: row["occurred_at"]))
    assert folded_history(shuffled) == expected
    assert sum(len(updates) for updates in expected.values()) > len(rows)


def test_without_a_sequence_the_place_in_the_file_orders_what_has_one_time(tmp_path: Path) -> None:
    paths = [f"/{letter}" for letter in "qwertzuiop"]
    sender = LogSender()
    import_into(sender, tmp_path, [write_lines(tmp_path / "h", [view("s", NOON, path) for path in paths])])
    events = sender.events()
    assert [event.page.path for event in sorted(events, key=lambda each: each.event_id) if event.page] == paths
    (closed,) = [updates[-1] for updates in sessions(sender.log, NOON).values()]
    assert closed["counts"]["page_views"] == len(paths)


def test_a_sequence_orders_events_that_have_ids(tmp_path: Path) -> None:
    ids = ["ffffffff-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000001"]
    rows = [
        view("s", NOON, path, event_id=id_, sequence=n) for n, (path, id_) in enumerate(zip("ab", ids, strict=True), 1)
    ]
    sender = LogSender()
    import_into(
        sender,
        tmp_path,
        [write_lines(tmp_path / "h", [{**row, "page": {"url": f"/{row['sequence']}"}} for row in rows])],
    )
    ordered = sorted(sender.events(), key=lambda event: event.event_id)
    assert [event.page.path for event in ordered if event.page] == ["/1", "/2"]


def test_clicks_sorted_by_session_lose_none(tmp_path: Path) -> None:
    rows = [view(f"s{n}", NOON + n * 60_000 + step * 1_000, f"/p/{step}") for n in range(400) for step in range(5)]
    packed = tmp_path / "h.jsonl.gz"
    packed.write_bytes(gzip.compress(write_lines(tmp_path / "h", rows).read_bytes()))
    sender = LogSender()
    import_into(sender, tmp_path, [packed], batch=100)
    found = sessions(sender.log, NOON + 400 * 60_000)
    assert {key: updates[-1]["counts"]["page_views"] for key, updates in found.items()} == {
        f"shop~past/s{n}": 5 for n in range(400)
    }
    assert {updates[-1]["status"] for updates in found.values()} == {"closed"}


def test_the_same_row_counts_once_and_keeps_its_id(tmp_path: Path) -> None:
    rows = [view("s", NOON), view("s", NOON, "/p/2"), view("s", NOON)]
    first, second = LogSender(), LogSender()
    state = import_into(first, tmp_path / "1", [write_lines(tmp_path / "h", rows)]).state
    assert (state.account.rows, state.account.events, state.account.duplicates) == (3, 2, 1)
    import_into(second, tmp_path / "2", [write_lines(tmp_path / "h", rows[:2])])
    assert first.events() == second.events()
    assert len({event.event_id for event in first.events()}) == 2
