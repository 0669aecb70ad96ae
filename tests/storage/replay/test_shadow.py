"""A shadow says what the candidate would have said live, update by update, and leaves out what it may not judge by."""

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.events import Control, Event, Purchase, Tick, UseModel, UsePages
from scoring import registry
from scoring.manifest import FittedWindow
from scoring.model import Model
from scoring.shadow.report import ALL, ShadowReport
from scoring.shadow.rows import ShadowRow, ShadowRows
from storage.replay.errors import ReplayError
from tests.support.events import NOON, event
from tests.support.models import add_session_model, named, registry_of
from tests.support.replays import Shop, placed
from tests.support.shop_statistics import FIRST, SECOND, THIRD, statistics
from tests.support.shop_visits import HOUR, shop_visits

CANDIDATE = "candidate"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    folder: Path = tmp_path_factory.mktemp("models")
    registry.seed(folder)
    add_session_model(folder, "session", seed=1)
    add_session_model(folder, CANDIDATE, seed=2)
    registry_of(folder, "same")

    @lru_cache
    def model(version: str) -> Model:
        return registry.load(folder, "session" if version == "" else version)

    return model


def a_day(*controls: UseModel) -> list[Event | Control]:
    """Visits while page statistics, and so the conversion of the site, change; `controls` stand before all of them."""
    records: list[Event | Control] = [*controls]
    for seed, version in enumerate((FIRST, SECOND, THIRD), 1):
        records += [UsePages(version), *shop_visits(seed, NOON + seed * 3 * HOUR, 40)]
    return [*records, Tick("live", NOON + 30 * HOUR)]


class RecordedRows(ShadowRows):
    """Remembers every row that it took."""

    taken: list[tuple[tuple[str, str, int], bool, list[ShadowRow]]] = []  # noqa: RUF012 - one list for the test

    def add(self, identity: tuple[str, str, int], bought: bool, rows: Sequence[ShadowRow]) -> None:
        self.taken.append((identity, bought, list(rows)))
        super().add(identity, bought, rows)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, str, int], bool, list[ShadowRow]]]:
    monkeypatch.setattr(RecordedRows, "taken", [])
    monkeypatch.setattr("storage.replay.shadow.ShadowRows", RecordedRows)
    return RecordedRows.taken


async def shadow(shop: Shop, **request: Any) -> ShadowReport:
    found = (await shop.replay(into="shadow", **({"model": CANDIDATE} | request))).shadow
    assert found is not None
    return found


def without_databases(said: list[Any], models: Callable[[str], Model]) -> Shop:
    """A shadow of all sites needs none."""
    return Shop(None, None, placed(said), models)  # type: ignore[arg-type]


async def test_the_candidate_has_the_scores_in_the_shadow_that_it_has_live(
    databases: tuple[Any, Any], models: Callable[[str], Model], taken: list[Any]
) -> None:
    """The same events twice: in the shadow of another model, and with the candidate promoted before them."""
    beside = Shop(*databases, placed(a_day()), models, statistics())
    in_shadow = await shadow(beside, site="default")
    rows = {(identity, row.event): row for identity, _, found in taken for row in found}

    promoted = Shop(*databases, placed(a_day(UseModel(CANDIDATE))), models, statistics())
    promoted.live()
    stored = promoted.client.query(
        "SELECT site, session_id, toUnixTimestamp64Milli(opened_at), event_count, probability, model_version "
        "FROM scored_sessions FINAL WHERE NOT closed"
    ).result_rows
    live = {((row[0], row[1], row[2]), row[3]): row[4] for row in stored}
    assert {row[5] for row in stored} == {CANDIDATE}
    assert live.keys() == rows.keys()
    assert len(live) > 1_000
    assert max(abs(live[place] - row.candidate) for place, row in rows.items()) < 1e-6
    assert max(abs(row.live - row.candidate) for row in rows.values()) > 0.1

    # The figures too: where the candidate is in force, it is what the other model is compared with.
    reverse = await shadow(promoted, site="default", model="session")
    assert reverse.live == {CANDIDATE: 1.0}
    assert in_shadow.by_event.keys() == reverse.by_event.keys()
    for event_number, figures in in_shadow.by_event.items():
        other = reverse.by_event[event_number]
        assert (figures.sessions, figures.buyers) == (other.sessions, other.buyers)
        assert msgspec.structs.astuple(figures.candidate) == pytest.approx(msgspec.structs.astuple(other.live))
        assert msgspec.structs.astuple(figures.live) == pytest.approx(msgspec.structs.astuple(other.candidate))
        for name, difference in figures.differences.items():
            assert difference.value == pytest.approx(-(other.differences[name].value or 0), abs=1e-6), name
    assert [(each.session_id, each.event) for each in in_shadow.movers] == [
        (each.session_id, each.event) for each in reverse.movers
    ]


async def test_a_shadow_is_the_same_each_time_whatever_the_batches(
    databases: tuple[Any, Any], models: Callable[[str], Model]
) -> None:
    found = []
    for piece in (7, 1_000):
        shop = Shop(*databases, placed(a_day()), models, statistics())
        shop.source.piece = piece
        report = msgspec.to_builtins(msgspec.structs.replace(await shadow(shop, site="default"), latency={}))
        found.append(report)
    assert found[0]["by_event"][ALL]["sessions"] == found[1]["by_event"][ALL]["sessions"] > 100
    for name, figures in found[0]["by_event"].items():
        assert flat(figures) == pytest.approx(flat(found[1]["by_event"][name]), abs=1e-6), name
    assert [each["session_id"] for each in found[0]["movers"]] == [each["session_id"] for each in found[1]["movers"]]


def flat(figures: dict[str, Any]) -> list[float]:
    return [
        number
        for each in figures.values()
        for number in (flat(each) if isinstance(each, dict) else [each])
        if number is not None
    ]


def session_events(number: int, at: int, session_id: str, *, bought_at: int = 0, **given: Any) -> list[Event]:
    """Five page views, a purchase in the place of one of them."""
    events = []
    for place in range(1, 6):
        extra = dict(given)
        if place == bought_at:
            extra |= {"type": "purchase", "purchase": Purchase(9.0, f"o{number}", "EUR", verified=True)}
        events.append(event(number * 10 + place, at + place * 1_000, session_id=session_id, **extra))
    return events


def two_constants(version: str) -> Model:
    return named(version or "live", 0.3 if version == CANDIDATE else 0.2)


async def test_rows_after_the_purchase_programs_and_imports_are_left_out(databases: tuple[Any, Any]) -> None:
    said = [
        *session_events(1, NOON, "buyer", bought_at=3),
        *session_events(2, NOON + 60_000, "other"),
        *session_events(3, NOON + 120_000, "program", flags=("bot",)),
        *session_events(4, NOON + 180_000, "elsewhere", site="other"),
        *session_events(5, NOON + 240_000, "imported", site="default~run"),
        Tick("live", NOON + 2 * HOUR),
    ]
    report = await shadow(Shop(*databases, placed(said), two_constants), site="default")
    # Two updates of the buyer are before its purchase, all five of the other session.
    assert (report.sessions, report.buyers, report.updates) == (2, 1, 7)
    assert {name: (each.sessions, each.buyers) for name, each in report.by_event.items()} == {
        "1": (2, 1),
        "3": (1, 0),
        "5": (1, 0),
        "10": (0, 0),
        "20": (0, 0),
        ALL: (2, 1),
    }
    assert (report.whole.live.predicted, report.whole.candidate.predicted) == (pytest.approx(0.2), pytest.approx(0.3))
    assert report.live == {"live": 1.0}
    every = await shadow(without_databases(said, two_constants), bots=True)
    assert (every.sessions, "site other" in every.subgroups) == (4, True)


async def test_an_order_that_another_session_had_first_makes_no_buyer() -> None:
    again = Purchase(9.0, "o1", "EUR", verified=True)
    said = [
        *session_events(1, NOON, "first", bought_at=3),
        *session_events(2, NOON + 24 * HOUR, "again"),
        event(99, NOON + 24 * HOUR + 9_000, session_id="again", type="purchase", purchase=again),
        Tick("live", NOON + 48 * HOUR),
    ]
    report = await shadow(without_databases(said, two_constants))
    assert (report.sessions, report.buyers, report.updates) == (2, 1, 2 + 6)


async def test_sessions_that_the_candidate_was_fitted_on_are_left_out() -> None:
    def fitted(version: str) -> Model:
        model = named(version or "live", 0.25)
        window = FittedWindow(since=0, until=NOON + HOUR)
        model.manifest = msgspec.structs.replace(model.manifest, fitted_on=window)
        return model

    said = [
        *session_events(1, NOON, "seen", bought_at=3),
        *session_events(2, NOON + 2 * HOUR, "new"),
        *session_events(3, NOON + 3 * HOUR, "open"),
    ]
    report = await shadow(without_databases(said, fitted))
    assert (report.sessions, report.buyers, report.left_open) == (1, 0, 1)
    assert (report.fitted_until, report.since) == (NOON + HOUR, NOON + 2 * HOUR + 1_000)


async def test_a_candidate_that_is_not_there_and_none_at_all_are_one_line(models: Callable[[str], Model]) -> None:
    with pytest.raises(ReplayError, match="model: name the candidate"):
        await shadow(without_databases(a_day(), models), model="")

    def absent(version: str) -> Model:
        if version == CANDIDATE:
            raise KeyError(version)
        return named("live", 0.2)

    with pytest.raises(ReplayError, match="'candidate' is not there"):
        await shadow(without_databases(a_day(), absent))


async def test_a_site_without_sessions_has_no_figures(databases: tuple[Any, Any]) -> None:
    report = await shadow(Shop(*databases, placed([Tick("live", NOON)]), two_constants), site="nobody")
    assert (report.sessions, report.whole.candidate.log_loss, report.latency) == (0, None, {})
    assert msgspec.json.decode(msgspec.json.encode(report), type=ShadowReport) == report


def test_many_rows_keep_sessions_by_their_digest_whatever_the_order() -> None:
    sessions = [("shop", f"s{number}", number) for number in range(600)]

    def kept(order: Sequence[tuple[str, str, int]]) -> tuple[float, int, set[float]]:
        rows = ShadowRows(most=700)
        for identity in order:
            found = [ShadowRow(n, identity[2] / 1_000, 0.5, ("g",), False) for n in range(1, 4)]
            rows.add(identity, identity[2] % 7 == 0, found)
        columns = rows.columns()
        assert columns.bought.sum() == sum(round(each * 1_000) % 7 == 0 for each in columns.live)
        return rows.kept, len(columns.live), set(columns.live.tolist())

    shuffled = random.Random(1).sample(sessions, len(sessions))
    share, rows, live = kept(sessions)
    assert kept(shuffled) == (share, rows, live)
    assert share == 0.25
    assert rows <= 700
    assert rows == 3 * len(live)
