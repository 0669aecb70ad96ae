"""The changes of experiments that a run makes are ones that readers take, and meet every kind."""

import random
from collections import Counter

from deploy.chaos.experiment_changes import next_change, request_of
from deploy.chaos.versions import OTHER
from storage.experiments.records import check_draft
from stream.experiments.definition import ExperimentDefinition, HoldoutDefinition, encode
from stream.experiments.history import Experiments
from stream.experiments.ranges import size


def test_every_change_is_taken_and_the_first_two_start_one_and_let_it_grow() -> None:
    met = Counter[str]()
    for seed in range(20):
        known, chance = Experiments(), random.Random(seed)
        for number in range(30):
            record = next_change(known, chance, 1_000 + number, "default")
            assert known.refusal(record) == ""
            before = {each.name: each for each in known.definitions()}
            known.take(number, encode(record))
            met[_what(record, before)] += 1
            if number < 2:
                assert _what(record, before) == ("start", "grow")[number]
            if request := request_of(record):
                check_draft(request)
    assert set(met) == {"start", "start with models", "grow", "stop", "hold-out"}


def _what(record: ExperimentDefinition | HoldoutDefinition, before: dict[str, ExperimentDefinition]) -> str:
    if isinstance(record, HoldoutDefinition):
        return "hold-out"
    if record.name not in before:
        return "start with models" if any(arm.model == OTHER for arm in record.arms) else "start"
    if record.status == "stopped":
        return "stop"
    taken = [sum(size(arm.ranges) for arm in each.arms) for each in (before[record.name], record)]
    assert taken[0] < taken[1]
    return "grow"
