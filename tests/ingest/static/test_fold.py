"""The fold in the page and the fold of the log make the same of a visit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scoring.contracts import SESSION, UCI
from tests.support.browser_fold import (
    PageRows,
    TimedStep,
    Visit,
    folded_in_node,
    folded_in_python,
    random_visit,
    rows_of,
    site_file,
    statistics,
)
from tests.support.events import event_id

#: 1 November 2025, 11:00 in Berlin.
NOON = 1_761_991_200_000
MINUTE = 60_000


def check(visits: list[Visit], folder: Path) -> list[PageRows]:
    """Both folds make the same of these visits; returns what."""
    known = statistics()
    expected = [rows_of(folded_in_python(visit, known)) for visit in visits]
    folded = folded_in_node(folder, visits, site_file(known))
    for place, (ours, theirs) in enumerate(zip(folded, expected, strict=True)):
        assert ours.events == theirs.events, f"visit {place}"
        for contract, one, other in zip((UCI, SESSION), ours.rows, theirs.rows, strict=bool(ours.rows)):
            assert dict(zip(contract.names, one, strict=True)) == pytest.approx(
                dict(zip(contract.names, other, strict=True)), abs=1e-9
            ), f"visit {place}"
    return expected


def vary(expected: list[PageRows]) -> None:
    """The visits are worth comparing: every column of contract 2 but the codes of lists has several values."""
    columns = zip(*[each.rows[1] for each in expected if each.rows], strict=True)
    constant = {name for name, values in zip(SESSION.names, columns, strict=True) if len(set(values)) == 1}
    assert constant == {"OperatingSystems", "Browser", "Region", "TrafficType"}


def random_visits(first: int, count: int) -> list[Visit]:
    return [random_visit(seed) for seed in range(first, first + count)]


def test_300_visits(tmp_path: Path) -> None:
    vary(check(random_visits(0, 300), tmp_path))


@pytest.mark.long
def test_10_000_visits(tmp_path: Path) -> None:
    vary(check(random_visits(1_000, 10_000), tmp_path))


def step(number: int, at: int, kind: str = "page_view", **member: Any) -> TimedStep:
    """A step that is made when it occurs; a page view of /p/1 if nothing else is said."""
    said = {"page": {"url": "/p/1", "type": "ProductRelated"}} if kind == "page_view" else member
    ids = {"session_id": "s1", "event_id": event_id(number), "occurred_at": at}
    return TimedStep(at, {"type": kind, **ids, **said})


def views(*times: int) -> list[TimedStep]:
    return [step(number, at) for number, at in enumerate(times)]


def added(count: int, product: Callable[[int], str]) -> list[TimedStep]:
    return [
        step(n, NOON + n, "commerce", commerce={"action": "add_to_cart", "items": [{"id": product(n), "price": 1}]})
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        pytest.param(views(NOON, NOON + 40 * MINUTE - 1), {"events": 2}, id="39 minutes of silence"),
        pytest.param(views(NOON, NOON + 40 * MINUTE), {"events": 1}, id="40 minutes"),
        pytest.param(views(NOON + 1_019 * MINUTE, NOON + 1_020 * MINUTE), {"events": 1}, id="the cut at four"),
        pytest.param(views(NOON + 1_018 * MINUTE, NOON + 1_019 * MINUTE), {"events": 2}, id="before the cut"),
        pytest.param(views(NOON, NOON + 35 * MINUTE), {"ProductRelated_Duration": 1_800}, id="a view of 35 minutes"),
        pytest.param(views(*range(NOON, NOON + 2_002)), {"events": 2_000, "page_views": 2_000}, id="2,000 events"),
        pytest.param(
            added(202, lambda _: "p1"),
            {"cart_adds": 202, "cart_quantity": 200, "cart_value": 200},
            id="200 move a cart",
        ),
        pytest.param(
            added(1_001, lambda number: f"p{number}"), {"distinct_products": 1_000}, id="1,000 products are counted"
        ),
        pytest.param([step(2, NOON), step(1, NOON, "session_end")], {"events": 2}, id="ordered by id in a millisecond"),
        pytest.param(
            [step(1, NOON, "page_ping", ping={})], {"mean_scroll_depth": 0, "page_views": 0}, id="a bare ping"
        ),
    ],
)
def test_the_edges(made: list[TimedStep], wanted: dict[str, float], tmp_path: Path) -> None:
    [rows] = check([Visit("", made)], tmp_path)
    values = dict(zip(SESSION.names, rows.rows[1], strict=True))
    assert {name: values[name] for name in ("events", *wanted)} == {"events": values["events"], **wanted}


def test_a_page_that_gets_its_type_later_counts_once(tmp_path: Path) -> None:
    """Only a page may: what the log has stays as it is."""
    first, typed = step(1, NOON), step(1, NOON + 5_000)
    first.body["page"] = {"url": "/p/1"}
    [plain, later] = folded_in_node(tmp_path, [Visit("", [first]), Visit("", [first, typed])], site_file(statistics()))
    assert (plain.rows[0][4], later.rows[0][4], later.events) == (0, 1, 1)
    assert plain.rows[0][5:] == later.rows[0][5:]


def test_a_file_of_another_format_is_one_line(tmp_path: Path) -> None:
    other = msgspec.structs.replace(site_file(statistics()), format=2)
    with pytest.raises(AssertionError, match="page statistics of format 2, not 1: export them again"):
        folded_in_node(tmp_path, [], other)
