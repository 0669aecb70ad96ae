"""Whether an experiment holds an action back."""

from collections.abc import Sequence

from stream.experiments.definition import ExperimentDefinition


def holds_back(experiment: str, running: Sequence[ExperimentDefinition], places: Sequence[int]) -> bool:
    """Whether the experiment of this name holds back, where a session has the arms at these places, -1: none.

    One that does not run holds nothing back; one that runs lets only its acting arms act.
    """
    for definition, place in zip(running, places, strict=True):
        if definition.name == experiment:
            return place < 0 or not definition.arms[place].acts
    return False
