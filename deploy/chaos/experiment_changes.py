"""Which change of the site's experiments comes next: a start, a growth, a stop, or another hold-out. Pure."""

import random

from deploy.chaos.versions import OTHER
from storage.experiments import records
from storage.experiments.answers import ArmRequest, ExperimentRequest
from storage.experiments.drafts import ExperimentDraft
from stream.experiments.assignment import BUCKETS
from stream.experiments.definition import ExperimentDefinition, HoldoutDefinition
from stream.experiments.history import Experiments
from stream.experiments.ranges import size

#: Shares in percent: of each arm at the start, what an arm gets more, and all arms at most.
SHARE, MORE, MOST = 20.0, 15.0, 90.0
#: Experiments that run at once.
RUNNING = 5
WHO = "chaos"

#: What a fault may change.
ExperimentChange = ExperimentDefinition | HoldoutDefinition


def next_change(known: Experiments, chance: random.Random, now_ms: int, site: str) -> ExperimentChange:
    """The record of it; the first ones start an experiment and let it grow."""
    running = [each for each in known.definitions() if each.status == "running"]
    growing = [each for each in running if _share(each) + MORE <= MOST]
    if not running:
        return _started(known, running, chance, now_ms, site)
    if known.records == 1 and growing:
        return _grown(known, growing[0], chance)
    kinds = ["hold-out", *["grow"] * bool(growing), *["stop"] * (len(running) > 1)]
    kinds += ["start"] * (len(running) < RUNNING)
    match chance.choice(kinds):
        case "start":
            return _started(known, running, chance, now_ms, site)
        case "grow":
            return _grown(known, chance.choice(growing), chance)
        case "stop":
            return records.ended(chance.choice(running), now_ms, WHO)
    return _held_out(known, chance, now_ms, site)


def request_of(record: ExperimentChange) -> ExperimentRequest | None:
    """What a user asks for who starts this experiment; None for what is no start."""
    if isinstance(record, HoldoutDefinition):
        return None
    arms = tuple([ArmRequest(arm.name, size(arm.ranges) * 100 / BUCKETS, arm.model) for arm in record.arms])
    layer = record.layer if record.layer != record.name else ""
    return ExperimentRequest(name=record.name, site=record.site, unit=record.unit, arms=arms, layer=layer)


def what(record: ExperimentChange) -> str:
    """A word for people."""
    if isinstance(record, HoldoutDefinition):
        return f"hold-out of {record.buckets / 100:g} %"
    return f"{record.name} {record.status}, {_share(record):g} %"


def _started(
    known: Experiments, running: list[ExperimentDefinition], chance: random.Random, now_ms: int, site: str
) -> ExperimentDefinition:
    """One of actions, or, where none runs, now and then one of models."""
    of_models = running and not any(each.kind == "model" for each in running) and chance.random() < 0.5
    arms = (ArmRequest("control", SHARE), ArmRequest("treatment", SHARE, OTHER if of_models else ""))
    request = ExperimentRequest(
        name=f"e{len(known.definitions()) + 1}",
        site=site,
        unit="visitor" if of_models else chance.choice(("visitor", "session")),
        arms=arms,
        layer="models" if of_models else "",
    )
    draft = ExperimentDraft(request, f"{chance.getrandbits(64):016x}", now_ms, WHO)
    return records.started(draft, known, now_ms, WHO)


def _grown(known: Experiments, before: ExperimentDefinition, chance: random.Random) -> ExperimentDefinition:
    arm = chance.choice(before.arms)
    return records.with_shares(before, {arm.name: size(arm.ranges) * 100 / BUCKETS + MORE}, known, WHO)


def _held_out(known: Experiments, chance: random.Random, now_ms: int, site: str) -> HoldoutDefinition:
    before = known.holdout(site)
    salt = before.salt if before is not None else f"{chance.getrandbits(64):016x}"
    return HoldoutDefinition(site=site, salt=salt, buckets=chance.choice((0, 500, 1_500)), changed_at=now_ms, by=WHO)


def _share(record: ExperimentDefinition) -> float:
    return sum(size(arm.ranges) for arm in record.arms) * 100 / BUCKETS
