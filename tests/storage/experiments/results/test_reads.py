"""Results from rows beside a recount of the generated truth, on both databases of each profile."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from storage.database.money import ReportingCurrency
from storage.experiments.results.answers import ExperimentResults
from storage.experiments.results.reads import TAKEN_MS, ResultOptions, ResultReads
from storage.http.errors import ReadError
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.experiments.definition import Arm, ReadingPlan
from tests.support.events import NOON
from tests.support.experiment_shop import ARMS, DAY, DAYS, HELD_OUT, HOLDOUT_SALT, WINDOW, ExperimentShop, TrueVisitor
from tests.support.experiments import experiment, holdout, stopped
from tests.support.replays import Shop
from tests.support.sinks import block

SHOP = ExperimentShop(5, 900)
PLAN = ReadingPlan(planned_visitors=600, window_days=WINDOW)
CHAT = experiment(site="shop", plan=PLAN)
HELD = holdout(HELD_OUT, site="shop", salt=HOLDOUT_SALT, changed_at=NOON - TAKEN_MS)
#: Some windows are not over.
UNTIL = NOON + (DAYS + WINDOW - 2) * DAY
MONEY = {"shop": ReportingCurrency("EUR", {"USD": 0.5})}


@pytest.fixture(scope="module")
def reads(shared: tuple[Any, Any]) -> Callable[..., ResultReads]:
    """Of databases with SHOP."""
    Shop(*shared, []).lose()
    engine, client = shared
    written = block(*SHOP.updates)
    for sink in (RelationalSink(engine), AnalyticsSink(client)):
        sink.write(written)
    return lambda until=UNTIL, money=MONEY: ResultReads(engine, client, money=lambda: money, now=lambda: until / 1000)


def counted(arm: str, visitors: list[TrueVisitor] = SHOP.visitors) -> list[TrueVisitor]:
    return [
        each for each in visitors if each.arms == {arm} and not each.is_bot and each.exposed_at + WINDOW * DAY <= UNTIL
    ]


def kept(visitor: TrueVisitor, since: int) -> list[float]:
    """What is left of each order of the window that was not given back whole."""
    return [
        amount - back
        for at, amount, back in visitor.orders
        if since <= at < since + WINDOW * DAY and at <= UNTIL and back < amount
    ]


def test_arms_are_those_of_a_recount(reads: Callable[..., ResultReads]) -> None:
    found = reads().results([CHAT], None)
    assert (found.report.stopped, found.currency, found.notices) == ("", "EUR", [])
    buyers = [left for arm in ARMS for each in counted(arm) if (left := kept(each, each.exposed_at))]
    cap = found.report.revenue_cap
    assert max(map(sum, buyers)) >= cap >= sorted(map(sum, buyers))[len(buyers) * 9 // 10]
    for arm, figures in zip(ARMS, found.report.arms, strict=True):
        of_arm = counted(arm)
        assert figures.arm == arm
        assert figures.visitors == len(of_arm) > 200
        converted = [bool(kept(each, each.exposed_at)) for each in of_arm]
        assert figures.conversion == pytest.approx(sum(converted) / len(of_arm))
        revenue = sum(min(sum(kept(each, each.exposed_at)), cap) for each in of_arm)
        assert figures.revenue_per_visitor == pytest.approx(revenue / len(of_arm))
        sessions = sum(
            last >= each.exposed_at and opened < each.exposed_at + WINDOW * DAY
            for each in of_arm
            for opened, last in each.sessions
        )
        assert figures.sessions == sessions
    rates = [figures.conversion or 0.0 for figures in found.report.arms]
    deciding = next(each for each in found.report.effects if each.decides)
    assert deciding.difference == pytest.approx(rates[1] - rates[0], abs=0.02)
    assert found.covariates[0] == "score"
    assert len(found.uplift) == 1


def test_what_is_left_out_is_counted(reads: Callable[..., ResultReads]) -> None:
    labels = reads().results([CHAT], None).labels
    met = [each for each in SHOP.visitors if each.arms]
    assert labels.bots == sum(each.is_bot for each in met) > 5
    people = [each for each in met if not each.is_bot]
    assert labels.two_arms == sum(len(each.arms) > 1 for each in people) > 5
    whole = [each for arm in ARMS for each in counted(arm)]
    assert labels.visitors == len(whole)
    assert labels.unfinished == sum(len(each.arms) == 1 for each in people) - len(whole) > 5
    orders = [(each, order) for each in whole for order in each.orders if order[0] <= UNTIL]
    assert labels.early_orders == sum(order[0] < each.exposed_at for each, order in orders) > 0
    assert labels.late_orders == sum(order[0] >= each.exposed_at + WINDOW * DAY for each, order in orders) > 0
    refunded = [o[2] for each, o in orders if o[2] and 0 <= o[0] - each.exposed_at < WINDOW * DAY]
    assert labels.refunded_orders == len(refunded) > 5
    assert labels.refunded == pytest.approx(sum(refunded))


def test_segments_are_of_the_exposure_and_corrected_together(reads: Callable[..., ResultReads]) -> None:
    found = reads().results([CHAT], None, ResultOptions(dimensions=["device_class", "band"]))
    assert [each.dimension for each in found.segments] == ["device_class", "band"]
    for name, truth in (("device_class", lambda v: v.device), ("band", lambda v: "high" if v.score > 0.5 else "low")):
        segments = next(each.segments for each in found.segments if each.dimension == name)
        assert {each.segment: each.visitors for each in segments} == {
            each.segment: sum(truth(v) == each.segment for arm in ARMS for v in counted(arm)) for each in segments
        }
        assert len(segments) == 2


def test_the_hold_out_is_beside_it(reads: Callable[..., ResultReads]) -> None:
    found = reads().results([CHAT], HELD).holdout
    assert found is not None
    assert (found.share, found.since, [each.arm for each in found.report.arms]) == (10.0, NOON, ["held out", "reached"])
    for is_held_out, figures in zip((True, False), found.report.arms, strict=True):
        since = {each.id: each.sessions[0][0] for each in SHOP.visitors}
        whole = [
            each
            for each in SHOP.visitors
            if each.is_held_out == is_held_out and not each.is_bot and since[each.id] + WINDOW * DAY <= UNTIL
        ]
        assert figures.visitors == len(whole) > 50
        assert figures.conversion == pytest.approx(sum(bool(kept(v, since[v.id])) for v in whole) / len(whole))
    assert reads().results([CHAT], replace(HELD, buckets=0)).holdout is None


def test_a_hold_out_that_changed_is_read_from_then_on(reads: Callable[..., ResultReads]) -> None:
    """Who was there before is no visitor that was reached and then held out."""
    since = NOON + 3 * DAY
    found = reads().results([CHAT], replace(HELD, changed_at=since - TAKEN_MS)).holdout
    assert found is not None
    assert (found.since, found.labels.two_arms) == (since, 0)
    for is_held_out, figures in zip((True, False), found.report.arms, strict=True):
        firsts = [
            min((opened for opened, _ in each.sessions if opened >= since), default=UNTIL)
            for each in SHOP.visitors
            if each.is_held_out == is_held_out and not each.is_bot
        ]
        assert figures.visitors == sum(first + WINDOW * DAY <= UNTIL for first in firsts)


def test_units_are_the_same_read_in_many_parts(
    reads: Callable[..., ResultReads], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reads().results([CHAT], HELD)
    monkeypatch.setattr("storage.experiments.results.exposures.PART_UNITS", 100)
    in_parts = reads().results([CHAT], HELD)
    assert in_parts.labels == replace(whole.labels, refunded=pytest.approx(whole.labels.refunded))
    for one, other in ((in_parts.report, whole.report), (in_parts.holdout.report, whole.holdout.report)):  # type: ignore[union-attr]
        assert [each.visitors for each in one.arms] == [each.visitors for each in other.arms]
        assert [each.difference for each in one.effects] == pytest.approx([each.difference for each in other.effects])


def test_arms_that_grew_by_different_factors_are_read_by_their_first_units(reads: Callable[..., ResultReads]) -> None:
    first = replace(CHAT, arms=(Arm("control", ((0, 5_000),), acts=False), Arm("treatment", ((5_000, 7_000),))))
    found = reads().results([first, CHAT], None)
    assert found.report.stopped == ""
    assert found.notices == [
        "its arms grew by different factors: only units that were in an arm from the start are read, 70%"
    ]
    control, treatment = found.report.arms
    assert control.visitors == len(counted("control"))
    assert treatment.visitors < len(counted("treatment")) * 0.6
    alike = replace(CHAT, arms=(Arm("control", ((0, 2_500),), acts=False), Arm("treatment", ((5_000, 7_500),))))
    assert reads().results([alike, CHAT], None).notices == []


def test_a_loss_in_one_arm_stops_the_reading(reads: Callable[..., ResultReads]) -> None:
    lost = replace(CHAT, arms=(Arm("control", ((0, 5_000),), acts=False), Arm("treatment", ((5_000, 5_500),))))
    found = reads().results([lost], None)
    assert found.report.stopped.startswith("the arms have")
    assert (found.report.effects, found.segments, found.uplift) == ([], [], [])
    assert found.conclusions == [found.report.stopped]


def test_experiments_of_models_have_no_covariate_of_an_arms_own_model(reads: Callable[..., ResultReads]) -> None:
    models = replace(CHAT, kind="model")
    found = reads().results([models], None)
    assert "score" not in found.covariates
    assert (found.uplift, found.segments) == ([], [])
    assert [each.visitors for each in found.report.arms] == [len(counted(arm)) for arm in ARMS]
    with pytest.raises(ReadError, match="segments: band: known of it are device_class"):
        reads().results([models], None, ResultOptions(dimensions=["band"]))


def test_sessions_are_units_where_they_are_assigned(reads: Callable[..., ResultReads]) -> None:
    found = reads().results([replace(CHAT, unit="session")], None)
    assert found.report.arms[0].sessions == found.report.arms[0].visitors > len(counted("control"))
    assert found.labels.two_arms == 0


def test_another_reading_than_the_planned_one_is_exploration(reads: Callable[..., ResultReads]) -> None:
    def read(plan: ReadingPlan | None, **options: Any) -> ExperimentResults:
        return reads().results([stopped(replace(CHAT, plan=plan))], None, ResultOptions(**options))

    planned = read(PLAN)
    assert (planned.report.reading, planned.rule.is_written_before, planned.status) == ("any time", True, "stopped")
    assert not any("exploration" in line for line in planned.cautions)
    for other in (read(PLAN, reading="planned"), read(PLAN, looks=2), read(None)):
        assert not other.rule.is_written_before
        assert any("exploration" in line for line in other.cautions)
    assert read(PLAN, reading="planned").report.reading == "planned looks"


def test_before_there_is_anything_the_reading_waits(reads: Callable[..., ResultReads]) -> None:
    found = reads(until=NOON + DAY).results([CHAT], HELD)
    assert found.report.waiting == "each arm needs 100 visitors whose windows are over, the smallest has 0"
    assert found.labels.unfinished > 10
    nobody = reads().results([replace(CHAT, name="nobody")], None)
    assert [each.visitors for each in nobody.report.arms] == [0, 0]


def test_orders_without_a_rate_count_and_bring_nothing(reads: Callable[..., ResultReads]) -> None:
    whole = reads().results([CHAT], None)
    found = reads(money={"shop": ReportingCurrency("EUR")}).results([CHAT], None)
    assert "orders in USD have no rate and bring 0: set sites.shop.rates" in found.notices[0]
    assert [each.conversion for each in found.report.arms] == [each.conversion for each in whole.report.arms]
    assert (found.report.arms[0].revenue_per_visitor or 0) < (whole.report.arms[0].revenue_per_visitor or 0)
