"""The rules that a change of interventions must keep. A record that breaks one changes nothing, for every reader."""

from collections.abc import Sequence

import msgspec

from stream.experiments.conditions import Condition, ConditionError, compile_condition
from stream.experiments.vocabulary import moment_names
from stream.fold.clock import IDLE
from stream.interventions.definition import MOST_INTERVENTIONS, InterventionDefinition
from stream.interventions.silence import due_after

#: What a stop changes.
_STOPS = ("status", "stopped_at", "by")


def compile_when(text: str) -> Condition:
    """The condition of an intervention; raises ConditionError."""
    when = compile_condition(text, moment_names())
    if any(ms >= IDLE for ms in due_after(when)):
        raise ConditionError(f"idle_seconds: a session closes after {IDLE // 1000} s, so take less")
    return when


def intervention_refusal(record: InterventionDefinition, known: Sequence[InterventionDefinition]) -> str:
    """Why the record may not follow these, the newest of each intervention; empty where it may."""
    before = next((each for each in known if each.name == record.name), None)
    if before is None:
        if record.status != "running":
            return "it was never started"
        running = sum(each.site == record.site and each.status == "running" for each in known)
        if running >= MOST_INTERVENTIONS:
            return f"{MOST_INTERVENTIONS} interventions run on {record.site}: stop one (`opecom interventions stop`)"
    elif before.status == "stopped":
        return "it is stopped for good: create another one"
    elif record.status == "running" or _changed(before, record):
        return "it cannot change while it runs: stop it and create another one"
    return faulty(record)


def faulty(record: InterventionDefinition) -> str:
    """What of the record contradicts itself; empty where nothing does."""
    if (record.status == "stopped") != (record.stopped_at is not None):
        return "what is stopped, and nothing else, says when"
    if record.payload and not _is_object(record.payload):
        return "payload: no JSON object"
    try:
        compile_when(record.when)
    except ConditionError as error:
        return f"when: {error}"
    return ""


def _changed(before: InterventionDefinition, record: InterventionDefinition) -> bool:
    return any(
        getattr(before, name) != getattr(record, name) for name in record.__struct_fields__ if name not in _STOPS
    )


def _is_object(payload: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(payload), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
