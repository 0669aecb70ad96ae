"""A trial says what live workers would have fired: the same rule in force on the same events gives the same counts."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from ingest.events import Control, Event, Tick, UseExperiments
from scoring.model import ConstantModel
from storage.interventions.answers import InterventionRequest
from storage.interventions.firings import record_firing
from storage.interventions.trial_report import TrialReport
from storage.replay.errors import ReplayError
from storage.replay.trial import InterventionTrial
from stream.experiments.definition import Definition
from stream.fold.clock import IDLE
from stream.fold.result import FoldResult
from stream.interventions.definition import QuietHours
from stream.replay import EARLIER
from stream.scored import OFFSET_SHIFT, ScoredSession
from stream.step import score
from tests.support.events import NOON, event
from tests.support.experiments import defined, experiment, holdout
from tests.support.interventions import intervention
from tests.support.log import log_of, partition
from tests.support.replays import Shop, placed
from tests.support.sinks import sql

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
#: The end of the log, and the wall clock of the trial.
END = NOON + 10 * HOUR


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with sql(f"sqlite:///{tmp_path / 'db'}") as made:
        yield made


def visits(seed: int = 1) -> list[Event]:
    """Sixty sessions of twenty visitors within seven hours, of which some are of another site, and some programs."""
    chance = random.Random(seed)
    made = []
    for number in range(60):
        at = NOON + number * 7 * MINUTE
        given: dict[str, Any] = {
            "session_id": f"s{number}",
            "visitor_id": f"v{chance.randrange(20)}",
            "site": "other" if number % 9 == 0 else "default",
            "flags": ("bot",) if number % 11 == 0 else (),
        }
        for _ in range(chance.randint(1, 5)):
            made.append(event(len(made) + 1, at, **given))
            at += chance.randint(5, 200) * SECOND
    return sorted(made, key=lambda each: each.received_at)


def fired_live(
    records: list[Event | Control], definitions: list[Definition], engine: Engine, name: str
) -> Counter[str]:
    """What becomes of each where workers fold this log with the rule in force, and write ticks when they are due."""
    outcomes: Counter[str] = Counter()
    firing: list[ScoredSession] = []
    for number, said in enumerate(placed(records)):
        state, result = partition(number=number, experiments=defined(definitions)), FoldResult()

        def put(record: Event | Control, state: Any = state, result: FoldResult = result) -> None:
            [made] = log_of([record], state.next)
            state.fold(made, result)

        put(UseExperiments(len(definitions)))
        for record in [*said, Tick("live", END)]:
            moment = record.received_at if isinstance(record, Event) else record.to  # type: ignore[union-attr]
            while (due := state.next_silence) is not None and due < moment:
                put(Tick("live", due))
            put(record)
        for ready in score(result.updates, lambda _: ConstantModel()):
            firing += [each.record for each in ready]
    for update in sorted(firing, key=lambda each: each.updated_at):
        for fired in update.interventions:
            if fired.name == name and fired.offset == update.version >> OFFSET_SHIFT:
                with engine.begin() as connection:
                    outcome = record_firing(connection, update, fired, ())
                assert outcome is not None, "it fired twice"
                outcomes[outcome] += 1
    return outcomes


async def tried(
    records: list[Event | Control],
    others: list[Definition],
    monkeypatch: pytest.MonkeyPatch,
    wanted: InterventionRequest,
    **request: Any,
) -> TrialReport:
    """The trial on a log in which only the other definitions are in force."""
    monkeypatch.setattr(InterventionTrial.__init__, "__defaults__", (lambda: END,))
    before: list[Event | Control] = [UseExperiments(len(others))] if others else []
    said = placed([*before, *records])
    shop = Shop(None, None, said, experiments=defined(others))  # type: ignore[arg-type]
    found = (await shop.replay(into="trial", site=wanted.site, intervention=wanted, **request)).trial
    assert found is not None
    return found


def request_of(when: str, **given: Any) -> InterventionRequest:
    return InterventionRequest(name="help", site="default", when=when, **given)


OTHERS: list[Definition] = [
    intervention("first", "page_views >= 2", priority=5),
    experiment("one"),
    holdout(2_000),
]


@pytest.mark.parametrize("others", [pytest.param([], id="alone"), pytest.param(OTHERS, id="beside others")])
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(request_of("page_views >= 2"), id="a moment"),
        pytest.param(request_of("idle_seconds >= 60"), id="a silence"),
        pytest.param(request_of("idle_seconds > 30 and idle_seconds < 40 and page_views >= 2"), id="a short one"),
        pytest.param(request_of("page_views >= 1", visitor_cap=1), id="a cap"),
        pytest.param(request_of("page_views >= 1", visitor_cooldown_seconds=2 * 3600), id="a cooldown"),
        pytest.param(request_of("page_views >= 1", quiet=QuietHours(14, 16)), id="quiet hours"),
        pytest.param(request_of("page_views >= 1", experiment="one"), id="an experiment"),
        pytest.param(request_of("probability > 0.9"), id="never"),
    ],
)
async def test_a_trial_counts_what_live_workers_fire(
    wanted: InterventionRequest, others: list[Definition], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Event | Control] = [*visits()]
    live = fired_live(records, [*others, wanted.running(NOON)], engine, "help")
    found = await tried(records, others, monkeypatch, wanted)
    assert Counter({"delivered": found.delivered, "held": found.held, "capped": found.capped}) == live
    assert found.fired == live.total()
    assert sum(each.delivered for each in found.hours) == found.delivered
    assert found.visitors <= found.delivered
    assert found.sessions == len({each.session_id for each in visits() if each.site == "default" and not each.flags})


async def test_one_that_runs_is_tried_in_its_own_place(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is once in a session, whatever of it runs, and is as it is asked for."""
    wanted = request_of("page_views >= 3")
    running = msgspec.structs.replace(wanted.running(NOON), when="page_views >= 1")
    live = fired_live([*visits()], [wanted.running(NOON)], engine, "help")
    found = await tried([*visits()], [running], monkeypatch, wanted)
    assert found.fired == live.total() > 0


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
async def test_sessions_count_that_opened_in_the_window(databases: tuple[Any, Any], source: str) -> None:
    records = [event(1), event(2, NOON + EARLIER + IDLE, session_id="s2", visitor_id="v2")]
    shop = Shop(*databases, placed(records))
    shop.live()
    wanted = request_of("page_views >= 1")
    rows = shop.rows()
    found = (
        await shop.replay(into="trial", site="default", intervention=wanted, since=NOON + HOUR, source=source)
    ).trial
    assert found is not None
    assert (found.sessions, found.delivered, found.visitors) == (1, 1, 1)
    assert shop.rows() == rows


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"intervention": None}, "say which is tried", id="none"),
        pytest.param({"site": "other"}, "its own site, default", id="another site"),
        pytest.param({"intervention": request_of("idle >= 60")}, "'idle' is no known name", id="a wrong condition"),
    ],
)
async def test_what_cannot_be_tried_is_refused_first(given: dict[str, Any], expected: str) -> None:
    shop = Shop(None, None, placed([event(1)]))  # type: ignore[arg-type]
    with pytest.raises(ReplayError, match=expected):
        await shop.replay(into="trial", **({"site": "default", "intervention": request_of("page_views > 1")} | given))
