"""What the topic of experiments says at each version, and which records change nothing."""

import logging
from typing import Any

import pytest
from msgspec import structs

from stream.experiments.assignment import BUCKETS, bucket
from stream.experiments.definition import Arm, Definition, encode
from stream.experiments.history import Experiments
from tests.support.experiments import HALVES, SALT, defined, experiment, holdout, model_experiment, stopped
from tests.support.log import partition

QUARTERS = (Arm("control", ((0, 2_500),), acts=False), Arm("treatment", ((2_500, 5_000),)))
GROWN = (
    Arm("control", ((0, 2_500), (5_000, 6_000)), acts=False),
    Arm("treatment", ((2_500, 5_000), (6_000, 7_000))),
)


@pytest.mark.parametrize(
    ("before", "record", "reason"),
    [
        pytest.param([], experiment(), "", id="a new one"),
        pytest.param([experiment()], stopped(experiment()), "", id="its end"),
        pytest.param([experiment(arms=QUARTERS)], experiment(arms=GROWN), "", id="arms that grow"),
        pytest.param([experiment(arms=GROWN)], experiment(arms=QUARTERS), "an arm never shrinks", id="that shrink"),
        pytest.param([], stopped(experiment()), "never started", id="the end of none"),
        pytest.param([experiment(), stopped(experiment())], experiment(), "stopped for good", id="started again"),
        pytest.param([experiment()], experiment(unit="session"), "unit cannot change", id="another unit"),
        pytest.param([experiment()], experiment(salt="f" * 16), "salt cannot change", id="another salt"),
        pytest.param([experiment()], experiment(audience="Weekend"), "audience cannot", id="another audience"),
        pytest.param(
            [experiment()], experiment(arms=HALVES[::-1]), "its arms cannot change but grow", id="arms in another order"
        ),
        pytest.param(
            [experiment(arms=QUARTERS)],
            stopped(experiment(arms=GROWN)),
            "what stops it changes nothing else",
            id="an end that grows",
        ),
        pytest.param([], experiment(arms=(HALVES[0], HALVES[0])), "one name", id="a name twice"),
        pytest.param(
            [],
            experiment(arms=(Arm("a", ((0, 10),)), Arm("b", ((9, 20),)))),
            "share buckets",
            id="arms with a bucket in common",
        ),
        pytest.param([], experiment(arms=(Arm("a", ((0, 10),)), Arm("b", ((20, 10_001),)))), "none", id="no bucket"),
        pytest.param(
            [experiment("one", layer="l", arms=QUARTERS)],
            experiment("two", layer="l", arms=HALVES),
            "another experiment of layer l",
            id="buckets that another one of the layer has",
        ),
        pytest.param(
            [experiment("one", layer="l"), stopped(experiment("one", layer="l"))],
            experiment("two", layer="l"),
            "",
            id="buckets that a stopped one had",
        ),
        pytest.param(
            [experiment("one", layer="l")],
            experiment("two", layer="l", site="other"),
            "",
            id="a layer of that name on another site",
        ),
        pytest.param(
            [experiment("one", layer="l", arms=QUARTERS)],
            experiment(
                "two", layer="l", salt="f" * 16, arms=(Arm("a", ((9_000, 9_001),)), Arm("b", ((9_500, 9_501),)))
            ),
            "another salt or unit",
            id="a layer with another salt",
        ),
        pytest.param([], experiment(audience="cart > 1"), "audience: character 1", id="no condition"),
        pytest.param([], model_experiment(audience="cart_value > 1"), "audience: character 1", id="known too late"),
        pytest.param([], model_experiment(audience="device_class == mobile"), "", id="known at the opening"),
        pytest.param([], experiment(arms=(HALVES[0], Arm("b", ((5_000, 6_000),), model="m"))), "models", id="no model"),
        pytest.param(
            [model_experiment("one")], model_experiment("two"), "a session has one model", id="two layers of models"
        ),
        pytest.param([holdout(500)], holdout(100), "", id="a smaller hold-out"),
        pytest.param([holdout(500)], holdout(500, salt="0" * 16), "keeps its salt", id="another hold-out"),
        pytest.param(
            [experiment(f"e{number}") for number in range(12)], experiment("more"), "12 experiments run", id="too many"
        ),
    ],
)
def test_what_may_follow(
    before: list[Definition], record: Definition, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    experiments = defined(before)
    found = experiments.refusal(record)
    assert (reason in found) if reason else not found
    known = experiments.definitions(), experiments.holdout("default")
    with caplog.at_level(logging.ERROR):
        experiments.take(experiments.version, encode(record))
    assert experiments.version == len(before) + 1
    assert ((experiments.definitions(), experiments.holdout("default")) == known) is bool(reason)
    assert (f"the record at {len(before)} is left out" in caplog.text) is bool(reason)


def arms_of(experiments: Experiments, opened: int, version: int, visitor: str = "v1", **given: Any) -> dict[str, str]:
    enrolment = experiments.plan("default", opened, version, **given).enrol(visitor, "s1", None)
    return {each.assignment.experiment: each.assignment.arm for each in enrolment.arms}


def test_a_session_is_in_what_ran_when_it_opened_and_runs_still() -> None:
    first, second = experiment("one"), experiment("two", salt="f" * 16)
    experiments = defined([first, second, stopped(first)])
    assert arms_of(experiments, 0, 3) == {}
    assert set(arms_of(experiments, 1, 1)) == {"one"}
    assert set(arms_of(experiments, 1, 2)) == {"one"}
    assert set(arms_of(experiments, 2, 2)) == {"one", "two"}
    assert set(arms_of(experiments, 2, 3)) == {"two"}
    assert arms_of(experiments, 2, 3, left_out={"two"}) == {}
    assert arms_of(experiments, 2, 2).items() >= arms_of(experiments, 1, 1).items()


def test_an_arm_that_grows_takes_sessions_that_open_afterwards() -> None:
    experiments = defined([experiment(arms=QUARTERS), experiment(arms=GROWN)])
    visitors = [f"v{number}" for number in range(2_000)]
    for visitor in visitors:
        place = bucket(SALT, visitor)
        before, after = arms_of(experiments, 1, 2, visitor), arms_of(experiments, 2, 2, visitor)
        assert not before or before == after
        assert bool(before) == (place < 5_000)
        assert bool(after) == (place < 7_000)


def test_who_is_held_out_is_in_no_arm_and_a_growing_hold_out_keeps_everybody() -> None:
    experiments = defined([experiment(), holdout(500), holdout(1_000)])
    held = set()
    for visitor in (f"v{number}" for number in range(3_000)):
        enrolments = [experiments.plan("default", version, 3).enrol(visitor, "s1", None) for version in (1, 2, 3)]
        assert [bool(each.arms) for each in enrolments] == [not each.is_held_out for each in enrolments]
        assert [each.is_held_out for each in enrolments] in ([False] * 3, [False, False, True], [False, True, True])
        held |= {visitor} if enrolments[2].is_held_out else set()
    assert len(held) / 3_000 == pytest.approx(1_000 / BUCKETS, abs=0.02)


def test_a_hold_out_that_shrinks_lets_go_of_open_sessions_and_puts_them_in_no_arm() -> None:
    experiments = defined([experiment(), holdout(1_000), holdout(500), holdout(0), holdout(2_000)])
    found = set()
    for visitor in (f"v{number}" for number in range(3_000)):
        opened = [experiments.plan("default", 2, version).enrol(visitor, "s1", None) for version in (2, 3, 4, 5)]
        place = bucket("1" * 16, visitor)
        assert [each.is_held_out for each in opened] == [place < 1_000, place < 500, False, place < 1_000]
        assert [bool(each.arms) for each in opened] == [place >= 1_000] * 4
        found.add((place < 500, place < 1_000))
    assert len(found) == 3


def test_the_unit_decides_whose_id_is_taken() -> None:
    plan = defined([experiment(unit="session")]).plan("default", 1, 1)
    by_session = {plan.enrol("v1", f"s{number}", None).arms[0].assignment.arm for number in range(20)}
    by_visitor = {plan.enrol(f"v{number}", "s1", None).arms[0].assignment.arm for number in range(20)}
    assert (len(by_session), len(by_visitor)) == (2, 1)


def test_models_are_those_of_running_experiments() -> None:
    experiments = defined(
        [model_experiment("one"), stopped(model_experiment("one")), model_experiment("two", "", "m9")]
    )
    assert experiments.models(1) == {"one": {"m1", "m2"}}
    assert experiments.begun(0, 3) == {"two": {"m9"}}
    assert experiments.begun(1, 2) == {}
    assert [version for version, _ in experiments.changes("one")] == [1, 2]


def test_enrolments_are_shared() -> None:
    plan = defined([experiment()]).plan("default", 1, 1)
    made = {id(plan.enrol(f"v{number}", "s1", None)) for number in range(200)}
    assert len(made) == 2
    assert partition().experiments.version == 0


def test_a_record_that_is_stopped_names_its_end() -> None:
    assert "says when" in defined([experiment()]).refusal(structs.replace(experiment(), status="stopped"))
