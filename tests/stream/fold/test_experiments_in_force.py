"""Experiments in a fold: which record shows which arm, that live = replay, and that this does not hold by chance."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Context, Control, Event, Tick, UseExperiments
from scoring.manifest import ModelError
from scoring.model import ConstantModel, Model
from stream.experiments.assignment import bucket
from stream.experiments.definition import Arm, Definition, encode
from stream.experiments.enrolment import NOT_ENROLLED
from stream.experiments.history import Experiments
from stream.fold.clock import IDLE
from stream.fold.experiments_in_force import ExperimentsInForce
from stream.fold.mark import Mark, decode_mark, encode_mark
from stream.fold.partition import Partition
from stream.fold.result import FoldResult
from stream.models import refuse_unusable_models, require_usable
from stream.publish import ListRecordPublisher
from stream.required import RequiredVersions, in_force_at, required_versions
from stream.scored import ScoredSession, decode, is_held
from stream.scored import encode as encode_scored
from stream.step import score
from stream.worker import Worker
from tests.stream.test_properties import Moves, Start, a_log, broken_run, counterexample, moves, whole_run
from tests.support.events import NOON, event
from tests.support.experiments import HALVES, SALT, defined, experiment, holdout, model_experiment, stopped
from tests.support.fakes import TOPICS, FakeLog, worker_on
from tests.support.log import log_of, partition

#: Visitors by their arm in `experiment()`.
IN_CONTROL, IN_TREATMENT = "v1", "v2"
ACTING = Arm("acting", ((9_999, 10_000),))


def scored_by(
    records: list[Event | Control], experiments: Experiments, model: Model | None = None
) -> list[ScoredSession]:
    state, result = partition(experiments=experiments), FoldResult()
    for record in log_of(records):
        state.fold(record, result)
    return [update.record for ready in score(result.updates, lambda _: model or ConstantModel()) for update in ready]


def arms(update: ScoredSession) -> dict[str, str]:
    return {each.experiment: each.arm for each in update.experiments}


def test_visitors_of_these_tests_are_in_both_arms() -> None:
    plan = defined([experiment()]).plan("default", 1, 1)
    enrolments = [plan.enrol(visitor, "s", None).arms[0].assignment.arm for visitor in (IN_CONTROL, IN_TREATMENT)]
    assert enrolments == ["control", "treatment"]


def test_a_session_has_the_arm_from_its_opening_until_the_stop() -> None:
    experiments = defined([experiment(), stopped(experiment())])
    records: list[Event | Control] = [
        event(1, session_id="before", visitor_id=IN_TREATMENT),
        UseExperiments(1),
        event(2, NOON + 1, session_id="before", visitor_id=IN_TREATMENT),
        event(3, NOON + 2, session_id="treated", visitor_id=IN_TREATMENT),
        event(4, NOON + 3, session_id="control", visitor_id=IN_CONTROL),
        UseExperiments(2),
        event(5, NOON + 4, session_id="treated", visitor_id=IN_TREATMENT),
        Tick("live", NOON + IDLE + 9),
    ]
    found = [(each.session_id, each.status, arms(each)) for each in scored_by(records, experiments)]
    assert found[:5] == [
        ("before", "open", {}),
        ("before", "open", {}),
        ("treated", "open", {"chat": "treatment"}),
        ("control", "open", {"chat": "control"}),
        ("treated", "open", {}),
    ]
    assert [each for each in found if each[1] == "closed" and each[2]] == []


@pytest.mark.parametrize(
    ("given", "held"),
    [
        pytest.param([experiment()], {"v1": True, "v2": False}, id="the control holds back"),
        pytest.param([experiment(audience="page_views > 1")], {"v1": False, "v2": False}, id="not in the audience"),
        pytest.param([experiment(), holdout(10_000)], {"v1": True, "v2": True}, id="held out"),
        pytest.param([experiment(), stopped(experiment())], {"v1": False, "v2": False}, id="stopped"),
        pytest.param([holdout(10_000), holdout(0)], {"v1": False, "v2": False}, id="a hold-out that is ended"),
        pytest.param([model_experiment(arms=HALVES)], {"v1": False, "v2": False}, id="arms of models act"),
        pytest.param(
            [experiment(), experiment("other", salt="f" * 16, arms=(Arm("none", ((0, 9_999),), acts=False), ACTING))],
            {"v1": True, "v2": True},
            id="one of two experiments holds back",
        ),
    ],
)
def test_a_record_names_whether_it_may_be_acted_on(given: list[Definition], held: dict[str, bool]) -> None:
    records: list[Event | Control] = [UseExperiments(version) for version in range(1, len(given) + 1)]
    records += [event(n, NOON + n, session_id=visitor, visitor_id=visitor) for n, visitor in enumerate(held)]
    found = [decode(encode_scored(each)) for each in scored_by(records, defined(given))]
    assert {each.visitor_id: is_held(each.experiments, each.holdout) for each in found} == held


def test_a_stop_ends_what_is_held_at_its_place_in_the_log() -> None:
    """Also of sessions that were open, of an experiment and of a hold-out alike."""
    names = [f"v{number}" for number in range(40)]
    definitions: list[Definition] = [
        experiment(), holdout(5_000), stopped(experiment()), holdout(0)
    ]  # fmt: skip
    records: list[Event | Control] = [UseExperiments(2)]
    for control in (None, UseExperiments(3), UseExperiments(4)):
        records += [control] if control else []
        records += [
            event(len(records) + n, NOON + len(records), session_id=v, visitor_id=v) for n, v in enumerate(names)
        ]
    stops = [place for place, each in enumerate(records) if isinstance(each, UseExperiments)]
    found: dict[int, set[str]] = {0: set(), 1: set(), 2: set()}
    for each in scored_by(records, defined(definitions)):
        if is_held(each.experiments, each.holdout):
            found[sum(each.event.offset > place for place in stops[1:])].add(each.visitor_id)
    out = {v for v in names if bucket("1" * 16, v) < 5_000}
    control = {v for v in names if bucket(SALT, v) < 5_000}
    assert found == {0: out | control, 1: out, 2: set()}
    assert out - control
    assert control - out


def test_only_updates_of_the_audience_show_the_arm() -> None:
    records = [UseExperiments(1), *(event(number, NOON + number, visitor_id="v2") for number in (1, 2, 3))]
    found = scored_by(records, defined([experiment(audience="page_views >= 2")]))
    assert [arms(each) for each in found] == [{}, {"chat": "treatment"}, {"chat": "treatment"}]


def test_an_audience_may_read_the_score() -> None:
    records: list[Event | Control] = [UseExperiments(1), event(1)]
    for audience, expected in (("probability >= 0.5", {}), ("probability < 0.5", {"chat": "control"})):
        [found] = scored_by(records, defined([experiment(audience=audience)]), ConstantModel(0.25))
        assert arms(found) == expected


def test_history_is_in_no_experiment_and_held_out_visitors_are_marked() -> None:
    experiments = defined([experiment(), holdout(10_000)])
    records: list[Event | Control] = [
        UseExperiments(1),
        event(1, session_id="live"),
        event(2, session_id="import", site="past", clock="replayed"),
        UseExperiments(2),
        event(3, NOON + 1, session_id="held"),
    ]
    found = {each.session_id: (arms(each), each.holdout) for each in scored_by(records, experiments)}
    assert found == {"live": ({"chat": "control"}, False), "import": ({}, False), "held": ({}, True)}


@pytest.mark.parametrize(
    ("device", "expected"),
    [pytest.param("mobile", "m2", id="in its audience"), pytest.param("desktop", "", id="not in its audience")],
)
def test_an_arm_picks_the_model_by_what_the_first_event_knows(device: Any, expected: str) -> None:
    experiments = defined([model_experiment(audience="device_class == mobile")])
    state, result = partition(experiments=experiments), FoldResult()
    for record in log_of([UseExperiments(1), event(1, visitor_id="v2", context=Context(device_class=device))]):
        state.fold(record, result)
    [update] = result.updates
    assert update.model == expected
    assert (update.enrolment is NOT_ENROLLED) == (not expected)


def lacking(version: str) -> Model:
    """The models of a worker that has no m2."""
    if version == "m2":
        raise ModelError("model m2 is not in the registry")
    return ConstantModel()


async def test_an_experiment_whose_model_cannot_score_is_left_out_until_it_stops() -> None:
    models = model_experiment()
    experiments = defined([models, experiment(), stopped(models)])
    records = log_of([UseExperiments(1), UseExperiments(2), event(1, visitor_id="v2"), UseExperiments(3)])
    state, result = partition(experiments=experiments), FoldResult()
    assert await refuse_unusable_models(state, records, lacking) == 1
    for record in records[:3]:
        state.fold(record, result)
    assert [(letter.offset, letter.reason, letter.detail) for letter in result.dead] == [
        (0, "failed", "model m2 is not in the registry")
    ]
    assert (state.experiments.version, state.experiments.left_out) == (2, {"models"})
    state.mark()
    # A fold that begins at the mark leaves it out, too.
    again = partition(decode_mark(encode_mark(state.here())), experiments=experiments)
    assert (again.experiments.version, again.experiments.left_out) == (2, {"models"})
    [update] = [each for each in result.updates if each.record.event.id is not None]
    assert [each.assignment.experiment for each in update.enrolment.arms] == ["chat"]
    state.fold(records[3], result)
    assert state.experiments.left_out == frozenset()


async def test_models_that_are_gone_when_a_partition_is_claimed_leave_their_experiment_out() -> None:
    state = partition(Mark(0, {}, experiments_version=1), experiments=defined([model_experiment()]))
    assert await require_usable(state, lambda _: ConstantModel()) == 0
    assert await require_usable(state, lacking) == 1
    assert state.experiments.left_out == {"models"}


def test_records_name_the_version_that_must_be_read_first() -> None:
    assert required_versions(log_of([UseExperiments(3), UseExperiments(2)])) == RequiredVersions(experiments=3)
    assert in_force_at(Mark(0, {}, experiments_version=4)) == RequiredVersions(experiments=4)


def test_a_mark_of_before_there_were_experiments_is_read() -> None:
    assert decode_mark('{"next":7,"clocks":{"live":5},"pages":3}') == Mark(7, {"live": 5}, pages_version=3)


#: A log, definitions in their order, and the places in the log at which controls put them in force.
Example = tuple[list[Event | Control], list[Definition]]


@st.composite
def an_experimenting_log(draw: st.DrawFn) -> Example:
    """The log of the properties with experiments that begin, grow and stop in it, with models and a hold-out."""
    first = experiment("one", audience=draw(st.sampled_from(["", "page_views > 1", "probability < 0.9"])))
    second = experiment("two", unit="session", site=draw(st.sampled_from(["default", "other"])), salt="f" * 16)
    third = model_experiment(
        "three",
        treatment=draw(st.sampled_from(["m2", "m9"])),
        audience=draw(st.sampled_from(["", "VisitorType == Other"])),
        salt="b" * 16,
    )
    wanted: list[Definition] = [first, third, holdout(draw(st.sampled_from([0, 5_000]))), second, stopped(third)]
    wanted.append(stopped(first))
    definitions = wanted[: draw(st.integers(1, len(wanted)))]
    records = draw(a_log())
    places = sorted(draw(st.lists(st.integers(0, len(records)), min_size=len(definitions), max_size=len(definitions))))
    for version, place in reversed(list(enumerate(places, 1))):
        records.insert(place, UseExperiments(version))
    return records, definitions


def models(version: str) -> Model:
    """Another probability by each model; m9 is missing."""
    if version == "m9":
        raise ModelError("model m9 is not in the registry")
    return ConstantModel({"m1": 0.3, "m2": 0.6}.get(version, 0.25))


def follow(definitions: list[Definition]) -> Start:
    """Starts workers that know of experiments only what a record or a mark has named."""

    def begin(log: FakeLog, published: ListRecordPublisher) -> Worker:
        known = Experiments()

        async def reached(needed: RequiredVersions) -> None:
            for offset in range(known.version, needed.experiments):
                known.take(offset, encode(definitions[offset]))

        return worker_on(log, published, models=models, experiments=known, wait_for_versions=reached)

    return begin


def crashes_change_no_arm(example: Example, plan: Moves) -> None:
    records, definitions = example
    log = FakeLog({0: log_of(records)})
    whole = asyncio.run(whole_run(log, follow(definitions)))
    log.commits.clear()
    broken = asyncio.run(broken_run(log, plan, follow(definitions)))
    for topic in (TOPICS.scored, TOPICS.dead):
        assert broken.get(topic, []) == whole.get(topic, [])


@settings(max_examples=60, deadline=None)
@given(an_experimenting_log(), moves)
def test_crashes_and_batches_change_no_arm(example: Example, plan: Moves) -> None:
    crashes_change_no_arm(example, plan)


def the_record_names_its_arm(example: Example) -> None:
    """The arm follows from the record, the definitions, and where in the log its session opened."""
    records, definitions = example
    experiments = defined(definitions)
    versions, version = [], 0
    for each in records:
        version = max(version, each.version) if isinstance(each, UseExperiments) else version
        versions.append(version)
    opened: dict[Any, int] = {}
    for update in scored_by(records, experiments):
        at = update.event.offset
        key = (update.site, update.session_id, update.opened_at)
        opening = opened.setdefault(key, 0 if update.site == "past" else versions[at])
        plan = experiments.plan(update.site, opening, versions[at])
        enrolment = plan.enrol(update.visitor_id, update.session_id, _Opening(update))
        expected = [
            each.assignment
            for each in enrolment.arms
            if each.holds is None or each.holds(update, update.probability, update.band)
        ]
        assert (list(update.experiments), update.holdout) == (expected, enrolment.is_held_out)


class _Opening:
    """An update as the audience of a model experiment reads it."""

    def __init__(self, update: ScoredSession) -> None:
        self.session_context = self
        self.visitor_type = update.features.VisitorType


@settings(max_examples=60, deadline=None)
@given(an_experimenting_log())
def test_an_arm_follows_from_the_record(example: Example) -> None:
    the_record_names_its_arm(example)


def stale(self: ExperimentsInForce, session: Any) -> Any:
    """The first look at a session holds for ever."""
    session.enrolled = session.enrolled or self._plan(session.site, session.experiments_version).enrol(
        session.visitor_id, session.session_id, session
    )
    return session.enrolled


@pytest.mark.parametrize(
    ("where", "name", "instead", "property_", "strategies"),
    [
        pytest.param(
            Partition,
            "here",
            lambda self: Mark(self.next, {name: clock.now for name, clock in self.clocks.items()}),
            crashes_change_no_arm,
            (an_experimenting_log(), moves),
            id="a mark without experiments",
        ),
        pytest.param(
            ExperimentsInForce,
            "enrolment",
            stale,
            the_record_names_its_arm,
            (an_experimenting_log(),),
            id="an arm that a stop leaves",
        ),
    ],
)
def test_the_proofs_can_fail(
    where: type,
    name: str,
    instead: Callable[..., Any],
    property_: Callable[..., None],
    strategies: tuple[st.SearchStrategy[Any], ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, instead)
    assert counterexample(property_, *strategies)


def test_arms_stand_on_the_topic_and_old_records_have_none() -> None:
    [update] = scored_by([UseExperiments(1), event(1)], defined([experiment()]))
    assert arms(decode(encode_scored(update))) == {"chat": "control"}
    old = json.loads(encode_scored(update))
    del old["experiments"], old["holdout"]
    assert (decode(json.dumps(old).encode()).experiments, decode(json.dumps(old).encode()).holdout) == ((), False)
