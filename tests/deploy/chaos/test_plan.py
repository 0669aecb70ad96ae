"""The plan of faults: seeded, and every kind comes in its first round."""

from itertools import islice

from deploy.chaos.plan import FIRST_PAUSE, LAST_PAUSE, OVERLAPPING, plan

WEIGHTS = {"kill": 4, "stop": 1, "poison": 2}


def test_the_same_seed_gives_the_same_plan() -> None:
    first, again, other = (list(islice(plan(WEIGHTS, seed), 40)) for seed in (7, 7, 8))
    assert first == again != other


def test_the_first_round_has_each_kind_once_and_the_next_as_often_as_it_weighs() -> None:
    kinds = [fault.kind for fault in islice(plan(WEIGHTS, 1), 10)]
    assert sorted(kinds[:3]) == sorted(WEIGHTS)
    assert {kind: kinds[3:].count(kind) for kind in WEIGHTS} == WEIGHTS


def test_some_faults_overlap_and_pauses_are_within_bounds() -> None:
    faults = list(islice(plan(WEIGHTS, 3), 1_000))
    overlapping = sum(not fault.alone for fault in faults) / 1_000
    assert abs(overlapping - OVERLAPPING) < 0.06
    assert all(FIRST_PAUSE <= fault.pause <= LAST_PAUSE for fault in faults)
    assert [fault.number for fault in faults] == list(range(1_000))


def test_more_faults_overlap_where_that_is_wanted_but_for_those_that_are_measured() -> None:
    faults = list(islice(plan(WEIGHTS, 3, 0.9, {"kill"}), 2_000))
    for kind, part in (("kill", OVERLAPPING), ("stop", 0.9), ("poison", 0.9)):
        own = [fault for fault in faults if fault.kind == kind]
        assert abs(sum(not fault.alone for fault in own) / len(own) - part) < 0.06
