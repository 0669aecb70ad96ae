"""An intervention tried on a log: as if it had run from the beginning of the fold. Pure."""

from collections.abc import Iterator

from stream.experiments.definition import HoldoutDefinition
from stream.experiments.enrolment import CompiledExperiment
from stream.experiments.history import Experiments
from stream.interventions.changes import compile_when
from stream.interventions.definition import InterventionDefinition
from stream.interventions.rule import CompiledIntervention, compile_intervention


class TrialExperiments(Experiments):
    """The history `known` with one more intervention, which runs at every version and stands for the one of its name.

    Versions are one ahead of those of the topic: sessions of before its first record are enrolled, too.
    """

    ahead = 1

    def __init__(self, known: Experiments, definition: InterventionDefinition) -> None:
        super().__init__()
        self._known = known
        self._rule = compile_intervention(definition, compile_when(definition.when))

    def holdout(self, site: str, version: int | None = None) -> HoldoutDefinition | None:
        return self._known.holdout(site, _of_topic(version))

    def _as_of(self, version: int | None) -> Iterator[CompiledExperiment]:
        return self._known._as_of(_of_topic(version))

    def _rules_as_of(self, version: int | None) -> Iterator[CompiledIntervention]:
        name, is_known = self._rule.definition.name, False
        for each in self._known._rules_as_of(_of_topic(version)):
            is_same = each.definition.name == name
            is_known = is_known or is_same
            yield self._rule if is_same else each
        if not is_known:
            yield self._rule


def _of_topic(version: int | None) -> int | None:
    return None if version is None else version - TrialExperiments.ahead
