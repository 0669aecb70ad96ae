"""Interventions in a fold: what fires when, that live = replay = recovery, and that this does not hold by chance."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import stream.snapshot.capture
import stream.snapshot.loader
import stream.snapshot.writer
from ingest.events import Control, Event, Tick, UseExperiments
from scoring.model import ConstantModel
from stream.experiments.definition import Definition
from stream.fold.clock import IDLE
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import FoldResult
from stream.publish import ListRecordPublisher
from stream.replay import Backfill, PartitionReplay, Window
from stream.scored import FiredIntervention, ScoredSession, decode, without_payload
from stream.scored import encode as encode_scored
from stream.silent_fold import SilentFold
from stream.snapshot.writer import SnapshotWriter
from stream.step import score
from stream.worker import Worker
from tests.stream.snapshot.test_properties import Plan
from tests.stream.snapshot.test_properties import moves as snapshot_moves
from tests.stream.test_properties import Moves, a_log, an_event, broken_run, counterexample, moves, whole_run
from tests.support.events import NOON, event
from tests.support.experiments import defined, experiment, holdout
from tests.support.fakes import TOPICS, FakeLog, worker_on
from tests.support.interventions import ended, intervention
from tests.support.log import log_of, partition

#: Visitors by their arm in `experiment()`.
IN_CONTROL, IN_TREATMENT = "v1", "v2"
SECOND = 1_000
#: Shrinking such a log takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def scored_by(records: list[Event | Control], *definitions: Definition) -> list[ScoredSession]:
    """What a worker publishes of a log that puts these definitions in force first."""
    state, result = partition(experiments=defined(definitions)), FoldResult()
    for record in log_of([UseExperiments(len(definitions)), *records]):
        state.fold(record, result)
    return [update.record for ready in score(result.updates, lambda _: ConstantModel()) for update in ready]


def names(update: ScoredSession) -> list[str]:
    return [each.name for each in update.interventions]


def views(count: int, **given: Any) -> list[Event | Control]:
    return [event(number, NOON + number * SECOND, **given) for number in range(1, count + 1)]


def test_a_rule_fires_once_and_the_session_keeps_it() -> None:
    found = scored_by([*views(3), Tick("live", NOON + 2 * IDLE)], intervention(payload='{"text":"hello"}'))
    assert [names(each) for each in found] == [[], ["help"], ["help"], ["help"]]
    assert found[-1].status == "closed"
    fired = FiredIntervention("help", "webhook", NOON + 2 * SECOND, 2, payload='{"text":"hello"}')
    # The payload goes once, with the record that fires it.
    assert [each.interventions for each in found[1:]] == [
        (fired,),
        (without_payload(fired),),
        (without_payload(fired),),
    ]


def test_one_rule_wins_a_moment_by_priority_and_the_next_one_has_the_next() -> None:
    rules = intervention("first"), intervention("urgent", priority=5), intervention("second")
    assert [names(each) for each in scored_by(views(4), *rules)] == [
        [], ["urgent"], ["urgent", "first"], ["urgent", "first", "second"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        ("page_views == 3", True),
        ("probability >= 0.2 and probability < 0.3 and band == building", True),
        ("probability > 0.3", False),
        ("cart_value > 50", False),
        ("checkout_left", False),
        ("purchases > 0", False),
        ("idle_seconds < 5", True),
    ],
)
def test_conditions_read_the_session_and_its_score(when: str, fires: bool) -> None:
    assert names(scored_by(views(3), intervention(when=when))[-1]) == ["help"] * fires


def test_held_out_visitors_programs_and_history_meet_nothing() -> None:
    past = [event(number, NOON + number, site="past", session_id="import", clock="replayed") for number in (1, 2, 3)]
    rules = [intervention(when="page_views >= 1"), intervention("other", "page_views >= 1", site="past")]
    held_out = scored_by([*views(2), *past], *rules, holdout(10_000))
    assert {(each.holdout, each.interventions) for each in held_out} == {(True, ()), (False, ())}
    assert scored_by(views(2, flags=("bot",)), *rules)[-1].interventions == ()


@pytest.mark.parametrize(
    ("visitor", "running", "held"),
    [
        pytest.param(IN_CONTROL, True, True, id="an arm that does not act"),
        pytest.param(IN_TREATMENT, True, False, id="an arm that acts"),
        pytest.param(IN_CONTROL, False, False, id="an experiment that does not run"),
    ],
)
def test_an_experiment_holds_back(visitor: str, running: bool, held: bool) -> None:
    rules: list[Definition] = [intervention(experiment="chat"), *([experiment()] if running else [])]
    [fired] = scored_by(views(2, visitor_id=visitor), *rules)[-1].interventions
    assert fired.held == held


@pytest.mark.parametrize(
    ("since", "until", "fires"), [(11, 13, False), (22, 8, True), (13, 11, True), (12, 12, True), (13, 12, True)]
)
def test_nothing_fires_in_quiet_hours(since: int, until: int, fires: bool) -> None:
    quiet = intervention(quiet={"since": since, "until": until})
    assert names(scored_by(views(2), quiet)[-1]) == ["help"] * fires


def test_a_rule_that_stops_fires_no_more_and_what_fired_stays() -> None:
    records = [*views(2), UseExperiments(3), event(3, NOON + 3 * SECOND), event(4, NOON + 4 * SECOND, session_id="s2")]
    state = partition(
        experiments=defined([intervention(), intervention("late", "page_views >= 3"), ended(intervention())])
    )
    result = FoldResult()
    for record in log_of([UseExperiments(2), *records]):
        state.fold(record, result)
    found = [update.record for ready in score(result.updates, lambda _: ConstantModel()) for update in ready]
    assert [names(each) for each in found] == [[], ["help"], ["help", "late"], []]


SILENT = intervention("silent", "page_views >= 1 and idle_seconds >= 60")


def test_a_silence_fires_once_at_the_first_tick_that_has_it() -> None:
    begin = NOON + SECOND
    ticks: list[Event | Control] = [Tick("live", begin + second * SECOND) for second in range(55, 70)]
    found = scored_by([*views(1), *ticks], SILENT)
    assert [(each.event.id is None, each.status, each.idle_seconds) for each in found] == [
        (False, "open", 0.0), (True, "open", 60.0),
    ]  # fmt: skip
    [fired] = found[-1].interventions
    assert fired.fired_at == found[-1].updated_at == found[-1].occurred_at == begin + 60 * SECOND


def test_a_session_that_goes_on_is_silent_only_since_its_last_event() -> None:
    more: list[Event | Control] = [event(2, NOON + 50 * SECOND), Tick("live", NOON + 100 * SECOND)]
    assert names(scored_by([*views(1), *more], SILENT)[-1]) == []
    assert names(scored_by([*views(1), *more, Tick("live", NOON + 111 * SECOND)], SILENT)[-1]) == ["silent"]


def test_its_own_event_ends_a_silence_and_other_sessions_move_the_clock() -> None:
    own: list[Event | Control] = [event(2, NOON + 90 * SECOND)]
    assert names(scored_by([*views(1), *own], SILENT)[-1]) == []
    other: list[Event | Control] = [event(2, NOON + 90 * SECOND, session_id="s2")]
    assert {each.session_id for each in scored_by([*views(1), *other], SILENT) if each.interventions} == {"s1"}


def test_several_silences_are_looked_at_in_turn_and_a_closing_session_is_not() -> None:
    rules = intervention("long", "idle_seconds > 120"), intervention("short", "idle_seconds >= 30")
    ticks: list[Event | Control] = [Tick("live", NOON + second * SECOND) for second in (20, 32, 121, 122, 500)]
    found = [each for each in scored_by([*views(1), *ticks], *rules) if each.event.id is None]
    assert [(each.idle_seconds, names(each)) for each in found] == [(31.0, ["short"]), (121.0, ["short", "long"])]
    jumped = scored_by([*views(1), Tick("live", NOON + 2 * IDLE)], *rules)
    assert [(each.status, names(each)) for each in jumped] == [("open", []), ("closed", [])]


def test_the_log_gets_a_tick_when_a_silence_is_due() -> None:
    state = partition(experiments=defined([SILENT]))
    for record in log_of([UseExperiments(1), *views(1)]):
        state.fold(record, None)
    due = NOON + 61 * SECOND
    assert state.due_tick(due - 1) is None
    assert state.due_tick(due) == Tick("live", due)
    # Its own event moves it, though the timer is not put right before it is due.
    state.fold(log_of([event(2, NOON + 30 * SECOND)], 2)[0], None)
    assert state.due_tick(due) is None
    assert state.due_tick(NOON + 90 * SECOND) == Tick("live", NOON + 90 * SECOND)


def test_sessions_that_no_condition_of_time_concerns_have_no_timer() -> None:
    state = partition(experiments=defined([SILENT]))
    sessions = [event(n, NOON + n, session_id=f"s{n}", site="other") for n in range(1, 50)]
    for record in log_of([UseExperiments(1), *sessions, event(99, NOON + 99)]):
        state.fold(record, None)
    assert (state.open_sessions, len(state._timers)) == (50, 1)


def test_records_of_before_there_were_interventions_are_read() -> None:
    [*_, update] = scored_by(views(2), intervention())
    assert decode(encode_scored(update)) == update
    old = json.loads(encode_scored(update))
    del old["interventions"], old["idle_seconds"]
    read = decode(json.dumps(old).encode())
    assert (read.interventions, read.idle_seconds) == ((), 0.0)


Example = tuple[list[Event | Control], list[Definition]]


@st.composite
def a_log_with_interventions(draw: st.DrawFn) -> Example:
    """The log of the properties, with seconds between its records, and rules that begin and stop in it."""
    conditions = ["page_views >= 2", "probability < 0.3", "idle_seconds >= 60", "idle_seconds > 30 and page_views == 1"]
    rules = [
        intervention(
            f"rule-{number}",
            draw(st.sampled_from(conditions)),
            site=draw(st.sampled_from(["default", "default", "other"])),
            priority=draw(st.integers(0, 2)),
            experiment=draw(st.sampled_from(["", "one"])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    wanted: list[Definition] = [rules[0], experiment("one"), *rules[1:], ended(rules[0])]
    definitions = wanted[: draw(st.integers(1, len(wanted)))]
    records = draw(st.one_of(a_log(), a_quick_log()))
    places = sorted(
        draw(st.lists(st.integers(0, len(records) // 2), min_size=len(definitions), max_size=len(definitions)))
    )
    for version, place in reversed(list(enumerate(places, 1))):
        records.insert(place, UseExperiments(version))
    return records, definitions


@st.composite
def a_quick_log(draw: st.DrawFn) -> list[Event | Control]:
    """Sessions side by side, with silences of seconds, and events that come late or twice."""
    now, records = NOON, list[Event | Control]()
    for number in range(1, draw(st.integers(4, 40))):
        now += draw(st.sampled_from([0, 0, 10, 31, 60, 61, 700])) * SECOND
        if draw(st.integers(0, 4)) == 0:
            records.append(Tick("live", now))
            continue
        session = draw(st.sampled_from(["s1", "s2", "s3"]))
        made = draw(an_event(draw(st.integers(1, number)), received_at=now, session_id=session))
        values = {name: getattr(made, name) for name in made.__struct_fields__}
        lag = draw(st.sampled_from([0, 0, 0, 20, 1_200])) * SECOND
        records.append(Event(**values | {"occurred_at": now - lag}))
    return records


def workers_of(definitions: list[Definition]) -> Callable[[FakeLog, ListRecordPublisher], Worker]:
    return lambda log, published: worker_on(log, published, experiments=defined(definitions))


def crashes_change_nothing(example: Example, plan: Moves) -> None:
    records, definitions = example
    log, start = FakeLog({0: log_of(records)}), workers_of(definitions)
    whole = asyncio.run(whole_run(log, start))
    log.commits.clear()
    broken = asyncio.run(broken_run(log, plan, start))
    for topic in (TOPICS.scored, TOPICS.dead):
        assert broken.get(topic, []) == whole.get(topic, [])


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(a_log_with_interventions(), moves)
def test_crashes_and_batches_change_nothing_that_fires(example: Example, plan: Moves) -> None:
    crashes_change_nothing(example, plan)


class _PlanWithRules(Plan):
    def __init__(self, example: Example) -> None:
        super().__init__(example[0])
        self.definitions = example[1]

    def start(self, snapshots: SnapshotWriter | None = None) -> Worker:
        known = defined(self.definitions)
        return worker_on(self.log, self.told, erasures=self.erasures, snapshots=snapshots, experiments=known)


def snapshots_change_nothing(example: Example, plan: Moves) -> None:
    run = _PlanWithRules(example)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream.snapshot.writer, "SLICE_SESSIONS", 1)
        patch.setattr(stream.snapshot.writer, "CHANGED_BYTES", 600)
        patch.setattr(stream.snapshot.capture, "code_version", lambda: run.code)
        patch.setattr(stream.snapshot.loader, "code_version", lambda: run.code)
        asyncio.run(run.run(plan))
    whole = asyncio.run(whole_run(FakeLog({0: log_of(example[0])}), workers_of(example[1])))
    told = {topic: list(dict.fromkeys(map(tuple, rows))) for topic, rows in run.told.topics.items()}
    assert told.get(TOPICS.scored, []) == whole.get(TOPICS.scored, [])


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(a_log_with_interventions(), snapshot_moves)
def test_snapshots_change_nothing_that_fires(example: Example, plan: Moves) -> None:
    snapshots_change_nothing(example, plan)


def at_most_once_and_one_winner(example: Example) -> None:
    records, definitions = example
    state, result = partition(experiments=defined(definitions)), FoldResult()
    for record in log_of(records):
        state.fold(record, result)
    sessions: dict[Any, list[ScoredSession]] = {}
    for ready in score(result.updates, lambda _: ConstantModel()):
        for update in ready:
            key = update.record.site, update.record.session_id, update.record.opened_at
            sessions.setdefault(key, []).append(update.record)
    for updates in sessions.values():
        assert len({each.version for each in updates}) == len(updates)
        before: tuple[FiredIntervention, ...] = ()
        for each in updates:
            assert each.interventions[: len(before)] == before
            assert len(each.interventions) <= len(before) + 1
            before = each.interventions
        assert len({each.name for each in before}) == len(before)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(a_log_with_interventions())
def test_a_rule_fires_once_in_a_session_and_a_moment_has_one_winner(example: Example) -> None:
    at_most_once_and_one_winner(example)


def replay_agrees(example: Example) -> None:
    """What a replay publishes of sessions that are closed at the cut fires what live workers fired."""
    records = [*example[0], Tick("live", NOON + 900 * IDLE)]
    log, experiments = log_of(records), defined(example[1])
    live, result = partition(experiments=experiments), FoldResult()
    for record in log:
        live.fold(record, result)
    cut = log[-1].offset
    again = PartitionReplay(
        partition(experiments=experiments), cut, Backfill(Window(site="default"), 1, cut), lambda _: ConstantModel()
    )
    replayed = [update.record for update in again.take(log).updates]
    scored = [update.record for ready in score(result.updates, lambda _: ConstantModel()) for update in ready]
    assert [each.interventions for each in replayed] == [
        each.interventions for each in scored if each.site == "default"
    ]


@settings(max_examples=30, deadline=None, phases=PHASES)
@given(a_log_with_interventions())
def test_a_replay_fires_what_live_workers_fired(example: Example) -> None:
    replay_agrees(example)


def undecided(self: Any, record: LogRecord) -> None:
    """A recovery that folds and scores nothing."""
    self._partition.fold(record, None)


def test_where_a_recovery_does_not_decide_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SilentFold, "fold", undecided)
    assert counterexample(crashes_change_nothing, a_log_with_interventions(), moves)


def test_where_a_snapshot_forgets_what_fired_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Partition.resume

    def forgetful(self: Partition, sessions: Any, marks: Any) -> None:
        pairs = list(sessions)
        for _, session in pairs:
            session.fired = ()
        resume(self, pairs, marks)

    monkeypatch.setattr(Partition, "resume", forgetful)
    assert counterexample(snapshots_change_nothing, a_log_with_interventions(), snapshot_moves)
