"""A planted effect of acting comes out of a running system whose webhooks the visitors really react to, through kills.

Worker, webhooks and store (the API of this profile) are killed by kill -9 while visitors come. What each visitor does
is settled beforehand, so the reading is held against a ledger: of who came, who got the webhook, and who bought.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.chaos.recomputed import Tables, differences
from deploy.log.client_options import kafka_clients
from deploy.log.controls import put_definition
from deploy.processes.data_folder import log_folder
from storage.database.engine import engine_of
from storage.experiments.results.answers import ExperimentResults
from storage.experiments.results.reads import ResultReads
from storage.write.clickhouse_sink import server_client
from stream.experiments.assignment import bucket
from stream.experiments.definition import ExperimentDefinition, ReadingPlan
from stream.kafka.experiments_topic import read_experiments
from stream.scored import identity_of
from tests.support.acting_shop import FAST, ActingShop, prepared
from tests.support.crossing_visits import TopicTruth
from tests.support.experiments import SALT, experiment, holdout
from tests.support.reacting_visitors import ReactingVisitors, VisitorFacts
from tests.support.receiver import receiver
from tests.support.sinks import clickhouse_front
from tests.support.system import embedded_system

DAY_MS = 86_400_000
KILLED = ("worker", "webhooks", "store")
HELD_OUT = 1_000
UNVERIFIED = {"OPECOM_SITES__DEFAULT__COUNT_UNVERIFIED_PURCHASES": "true"}
LOOPBACK = {"OPECOM_SITES__DEFAULT__KEYLESS_LOOPBACK": "true"}
#: All that is recounted must be on the topics at the end, so one broker lives as long as the test.
ONE_BROKER = {"OPECOM_KAFKA__BROKER_MEGABYTES": "0"}
SETTINGS = FAST | UNVERIFIED | LOOPBACK | ONE_BROKER


@dataclass(frozen=True)
class Form:
    """`kills` of each part; `rate` in events a second; `seconds` in which all have come and all is settled."""

    facts: VisitorFacts
    kills: int
    rate: float
    seconds: float


SHORT = Form(VisitorFacts(500, 0.3, 1.0), 1, 100, 300)
#: As many as the issue wants.
LONG = Form(VisitorFacts(20_000, 0.05, 0.5), 4, 150, 2_400)


@pytest.mark.parametrize(
    "form",
    [pytest.param(SHORT, id="500 visitors"), pytest.param(LONG, id="20,000 visitors", marks=pytest.mark.long)],
)
@pytest.mark.timeout(4_800)
def test_the_effect_of_acting_comes_out_through_kills(
    form: Form, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ReadingPlan(planned_visitors=form.facts.visitors, window_days=1)
    chat = experiment(audience="band >= building", plan=plan, started_at=int(time.time() * 1000) - 60_000)
    with embedded_system(tmp_path, **SETTINGS) as running, receiver() as there:
        shop = prepared(running, there, tmp_path)
        kafka = running.settings.kafka
        # As a command does it beside a running system.
        beside = kafka.beside(kafka.bootstrap, log_folder(running.settings.data_dir))
        for record in (holdout(HELD_OUT, changed_at=chat.started_at), chat):
            asyncio.run(put_definition(beside, record))
        visitors = ReactingVisitors(running.stack.ingest.url, there, form.facts, form.rate, seed=16)
        with visitors.coming() as thread:
            for number in range(form.kills * len(KILLED)):
                # Spread over their coming, the last kill before the last visitor.
                share = form.facts.visitors * (number + 1) // (form.kills * len(KILLED) + 1)
                visitors.wait_for(share, form.seconds)
                shop.kill(KILLED[number % len(KILLED)])
            thread.join(form.seconds)
        shop.accepted = visitors.accepted
        shop.settle(form.seconds)
        visitors.decide()
        shop.accepted = visitors.accepted
        truth = shop.settle(form.seconds)
        check_actions(visitors, truth, shop, form)
        records = asyncio.run(read_experiments(kafka_clients(kafka), kafka.experiments_topic, 90))
        # Live = replay, to the last arm: every update on the topic, and the rows of sessions.
        whole = running.recompute()
        assert not differences(whole.tables, running.rows())
        updates = check_arms(truth, whole.tables)
    found = read_after_the_window(tmp_path, [each for _, each in records.changes("chat")])
    line = check_results(found, visitors, form)
    twice = len(there.taken) - len(set(there.taken))
    with capsys.disabled():
        print(
            f"\n{line}; {len(truth.crossings):,} crossings, {sum(truth.crossings.values()):,} held, {twice} sent twice "
            f"under one id; {form.kills * len(KILLED)} kills; the arms of {updates:,} updates are those of a fold"
        )


def check_actions(visitors: ReactingVisitors, truth: TopicTruth, shop: ActingShop, form: Form) -> None:
    """Who reacted is who is in the treatment and not held out, without one exception."""
    outside = {name for name in visitors.buys if bucket("1" * 16, name) < HELD_OUT}
    treated = {name for name in visitors.buys if bucket(SALT, name) >= 5_000} - outside
    crossed = {session for session, *_ in truth.crossings}
    assert crossed == visitors.buys.keys()
    assert visitors.reacted == treated
    assert visitors.bought == {name for name, both in visitors.buys.items() if both[name in treated]}
    # Twice, under one id, is only what was under way when a part was killed.
    twice = len(shop.there.taken) - len(set(shop.there.taken))
    assert twice <= form.kills * len(KILLED) * shop.system.settings.webhooks.concurrency


def check_arms(truth: TopicTruth, folded: Tables) -> int:
    """The arms and the hold-out of each update are those of a fold of the whole log; returns how many updates."""
    found = {
        (*identity_of(each), each.event.offset, each.event.id is None): (
            [(one.experiment, one.arm, one.acts) for one in each.experiments],
            each.holdout,
        )
        for each in truth.updates
    }
    wanted = {
        key: ([(one["experiment"], one["arm"], one.get("acts", True)) for one in row["experiments"]], row["holdout"])
        for key, row in folded["scored_sessions"].items()
    }
    assert found == wanted
    return len(found)


def read_after_the_window(folder: Path, changes: list[ExperimentDefinition]) -> ExperimentResults:
    """The reading that a system on these databases gives the day after tomorrow, when every window is over."""
    engine = engine_of(f"sqlite:///{folder / 'data' / 'opecom.sqlite'}")
    with clickhouse_front(folder / "data" / "chdb") as port:
        client = server_client("127.0.0.1", port, "default", "", "opecom")
        try:
            return ResultReads(engine, client, now=lambda: time.time() + 2 * DAY_MS / 1000).results(changes, None)
        finally:
            client.close()
            engine.dispose()


def check_results(found: ExperimentResults, visitors: ReactingVisitors, form: Form) -> str:
    """The reading's arms are the ledger's, and its interval holds what was planted."""
    assert found.report.stopped == ""
    inside = [name for name in visitors.buys if bucket("1" * 16, name) >= HELD_OUT]
    assert found.labels.visitors == len(inside)
    assert (found.labels.two_arms, found.labels.bots) == (0, 0)
    for number, arm in enumerate(found.report.arms):
        of_arm = [name for name in inside if (bucket(SALT, name) >= 5_000) == bool(number)]
        assert arm.visitors == len(of_arm)
        assert arm.conversion == pytest.approx(len(visitors.bought & set(of_arm)) / len(of_arm))
    effect = next(each for each in found.report.effects if each.decides)
    assert effect.low is not None
    assert effect.high is not None
    assert 0 < effect.low <= form.facts.difference <= effect.high
    return (
        f"{len(inside):,} visitors of {len(visitors.buys):,}, planted {form.facts.difference:+.4f}: "
        f"{effect.difference:+.4f} ({effect.low:+.4f} to {effect.high:+.4f})"
    )
