"""The rules that a change of experiments must keep. A record that breaks one changes nothing, for every reader alike.

So two writers that know nothing of each other cannot give one bucket to two arms, and nobody changes arm.
"""

from collections.abc import Iterable, Sequence

import msgspec

from stream.experiments.conditions import Condition, ConditionError, compile_condition
from stream.experiments.definition import (
    MOST_MODEL_EXPERIMENTS,
    MOST_RUNNING,
    ExperimentDefinition,
    ExperimentKind,
    HoldoutDefinition,
)
from stream.experiments.ranges import are_disjoint, covers
from stream.experiments.vocabulary import opening_names, update_names

#: What a change leaves as it is.
_KEPT = ("site", "kind", "unit", "layer", "salt", "audience", "started_at", "plan")


def compile_audience(text: str, kind: ExperimentKind) -> Condition | None:
    """The condition of an audience, None where it is everybody; raises ConditionError."""
    return compile_condition(text, update_names() if kind == "action" else opening_names()) if text.strip() else None


def experiment_refusal(record: ExperimentDefinition, known: Sequence[ExperimentDefinition]) -> str:
    """Why the record may not follow these, the newest of each experiment; empty where it may."""
    before = next((each for each in known if each.name == record.name), None)
    if before is None:
        if record.status != "running":
            return "it was never started"
        others = [each for each in known if each.status == "running"]
        if reason := _crowded(record, others):
            return reason
    elif reason := _changed(before, record):
        return reason
    others = [each for each in known if each.name != record.name]
    return _faulty(record) or _misplaced(record, others)


def holdout_refusal(record: HoldoutDefinition, before: HoldoutDefinition | None) -> str:
    """Why the record may not follow the one before; empty where it may."""
    if before is not None and before.salt != record.salt:
        return "a hold-out keeps its salt, so that who is in it stays"
    return ""


def _crowded(record: ExperimentDefinition, running: Iterable[ExperimentDefinition]) -> str:
    running = list(running)
    if sum(each.site == record.site for each in running) >= MOST_RUNNING:
        return f"{MOST_RUNNING} experiments run on {record.site}: stop one (`opecom experiments stop`)"
    if record.kind == "action":
        return ""
    models = [each for each in running if each.kind == "model"]
    if len(models) >= MOST_MODEL_EXPERIMENTS:
        return f"{MOST_MODEL_EXPERIMENTS} experiments with models run: stop one (`opecom experiments stop`)"
    for each in models:
        if each.site == record.site and each.layer != record.layer:
            return f"a session has one model, and {each.name} runs in layer {each.layer}: take --layer {each.layer}"
    return ""


def _changed(before: ExperimentDefinition, record: ExperimentDefinition) -> str:
    if before.status == "stopped":
        return "it is stopped for good: create another one"
    if changed := [name for name in _KEPT if getattr(before, name) != getattr(record, name)]:
        return f"{', '.join(changed)} cannot change while it runs"
    bare = [[msgspec.structs.replace(arm, ranges=()) for arm in each.arms] for each in (before, record)]
    if bare[0] != bare[1]:
        return "its arms cannot change but grow"
    pairs = list(zip(record.arms, before.arms, strict=True))
    if not all(covers(arm.ranges, earlier.ranges) for arm, earlier in pairs):
        return "an arm never shrinks, so that who is in it stays"
    if record.status == "stopped" and [arm.ranges for arm in record.arms] != [arm.ranges for arm in before.arms]:
        return "what stops it changes nothing else"
    return ""


def _faulty(record: ExperimentDefinition) -> str:
    """What of the record contradicts itself; empty where nothing does."""
    names = [arm.name for arm in record.arms]
    if len(set(names)) < len(names):
        return "two of its arms have one name"
    if (record.status == "stopped") != (record.stopped_at is not None):
        return "what is stopped, and nothing else, says when"
    if record.kind == "action" and any(arm.model for arm in record.arms):
        return "its arms name models, which an experiment of actions has not"
    try:
        compile_audience(record.audience, record.kind)
    except ConditionError as error:
        return f"audience: {error}"
    return ""


def _misplaced(record: ExperimentDefinition, others: Iterable[ExperimentDefinition]) -> str:
    """Why it cannot have its buckets; empty where it can."""
    layer = [each for each in others if (each.site, each.layer) == (record.site, record.layer)]
    if any((each.salt, each.unit) != (record.salt, record.unit) for each in layer):
        return f"layer {record.layer} has another salt or unit"
    taken = [place for arm in record.arms for place in arm.ranges]
    if not are_disjoint(taken):
        return "two of its arms share buckets, or one has buckets that are none"
    if record.status == "running":
        taken += [place for each in layer if each.status == "running" for arm in each.arms for place in arm.ranges]
        if not are_disjoint(taken):
            return f"another experiment of layer {record.layer} has some of its buckets"
    return ""
