"""All that the topic `experiments` says, by version: which experiments and interventions ran, when.

Pure: reading the topic is stream/kafka/experiments_topic.py.
"""

import logging
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from typing import Generic, TypeVar

from stream.experiments.definition import Definition, ExperimentDefinition, HoldoutDefinition, decode
from stream.experiments.enrolment import CompiledExperiment, SitePlan
from stream.experiments.rules import compile_audience, experiment_refusal, holdout_refusal
from stream.interventions.changes import compile_when, intervention_refusal
from stream.interventions.definition import InterventionDefinition
from stream.interventions.rule import CompiledIntervention, compile_intervention

log = logging.getLogger(__name__)

State = TypeVar("State")


class Experiments:
    """The definitions read so far. `version` is how far that is: one more than the offset of the newest record."""

    #: By how much the versions here are greater than those that controls of the log name.
    ahead = 0

    def __init__(self) -> None:
        self.version = 0
        #: Records read; grows while the topic is being read.
        self.records = 0
        self._experiments: dict[str, _Versions[CompiledExperiment]] = {}
        self._holdouts: dict[str, _Versions[HoldoutDefinition]] = {}
        self._interventions: dict[str, _Versions[CompiledIntervention]] = {}

    def take(self, offset: int, value: bytes) -> None:
        """Take the record at `offset` of the topic; raises msgspec.DecodeError.

        One that breaks a rule (stream/experiments/rules.py) changes nothing but the version.
        """
        self.records += 1
        self.version = offset + 1
        record = decode(value)
        if reason := self.refusal(record):
            log.error("experiments: the record at %d is left out: %s", offset, reason)
        elif isinstance(record, HoldoutDefinition):
            self._holdouts.setdefault(record.site, _Versions()).add(self.version, record)
        elif isinstance(record, InterventionDefinition):
            rule = compile_intervention(record, compile_when(record.when))
            self._interventions.setdefault(record.name, _Versions()).add(self.version, rule)
        else:
            compiled = CompiledExperiment(record, compile_audience(record.audience, record.kind))
            self._experiments.setdefault(record.name, _Versions()).add(self.version, compiled)

    def refusal(self, record: Definition) -> str:
        """Why a record that follows what is read may not be; empty where it may."""
        if isinstance(record, HoldoutDefinition):
            return holdout_refusal(record, self.holdout(record.site))
        if isinstance(record, InterventionDefinition):
            return intervention_refusal(record, self.interventions())
        return experiment_refusal(record, self.definitions())

    def definitions(self, version: int | None = None) -> list[ExperimentDefinition]:
        """Each experiment as of the version, or the newest, in the order in which they were started."""
        return [each.definition for each in self._as_of(version)]

    def holdout(self, site: str, version: int | None = None) -> HoldoutDefinition | None:
        found = self._holdouts.get(site)
        return found.as_of(self.version if version is None else version) if found is not None else None

    def holdouts(self) -> list[HoldoutDefinition]:
        """The newest of each site, in the order of the sites' names."""
        return [found for site in sorted(self._holdouts) if (found := self.holdout(site)) is not None]

    def interventions(self, version: int | None = None) -> list[InterventionDefinition]:
        """Each intervention as of the version, or the newest, in the order in which they were started."""
        return [each.definition for each in self._rules_as_of(version)]

    def intervention_version(self, name: str) -> int:
        """The version of the newest record of an intervention, 0 where there is none."""
        found = self._interventions.get(name)
        return 0 if found is None else list(found.all())[-1][0]

    def uses_silence(self, version: int) -> bool:
        """Whether the condition of an intervention that runs at the version asks how long nothing came."""
        return any(each.silences for each in self._rules_as_of(version) if each.definition.status == "running")

    def changes(self, name: str) -> list[tuple[int, ExperimentDefinition]]:
        """Every record of an experiment with its version, the oldest first."""
        found = self._experiments.get(name)
        return [(version, each.definition) for version, each in found.all()] if found is not None else []

    def plan(self, site: str, opened: int, version: int, left_out: Collection[str] = ()) -> SitePlan:
        """What is in force at `version` for the sessions of a site that opened at the version `opened`: the experiments
        and interventions that ran then and run still, as they were then, and the hold-out that was and is still.
        """
        running = {each.name for each in self.definitions(version) if each.status == "running"}
        experiments = [
            each
            for each in self._as_of(opened)
            if each.definition.site == site
            and each.definition.status == "running"
            and each.definition.name in running
            and each.definition.name not in left_out
        ]
        rules = [
            each
            for each in self._rules_as_of(opened)
            if each.definition.site == site and each.definition.status == "running"
        ]
        going_on = {each.name for each in self.interventions(version) if each.status == "running"}
        left = [each for each in rules if each.definition.name in going_on]
        holdout = self.holdout(site, version)
        held_buckets = holdout.buckets if holdout is not None else 0
        return SitePlan(self.holdout(site, opened), experiments, held_buckets, left, bool(rules))

    def models(self, version: int) -> dict[str, set[str]]:
        """The versions of models that the running experiments name, by experiment."""
        return {
            each.name: {arm.model for arm in each.arms if arm.model}
            for each in self.definitions(version)
            if each.kind == "model" and each.status == "running"
        }

    def begun(self, before: int, version: int) -> dict[str, set[str]]:
        """`models` of the experiments that began after the version `before`."""
        known = {each.name for each in self.definitions(before)}
        return {name: models for name, models in self.models(version).items() if name not in known}

    def _as_of(self, version: int | None) -> Iterator[CompiledExperiment]:
        return _each_as_of(self._experiments, self.version if version is None else version)

    def _rules_as_of(self, version: int | None) -> Iterator[CompiledIntervention]:
        return _each_as_of(self._interventions, self.version if version is None else version)


class _Versions(Generic[State]):
    """The states of one thing by version."""

    def __init__(self) -> None:
        self._versions: list[int] = []
        self._states: list[State] = []

    def add(self, version: int, state: State) -> None:
        self._versions.append(version)
        self._states.append(state)

    def as_of(self, version: int) -> State | None:
        count = bisect_right(self._versions, version)
        return self._states[count - 1] if count else None

    def all(self) -> Iterator[tuple[int, State]]:
        return zip(self._versions, self._states, strict=True)


def _each_as_of(histories: Mapping[str, _Versions[State]], version: int) -> Iterator[State]:
    for versions in histories.values():
        found = versions.as_of(version)
        if found is not None:
            yield found
