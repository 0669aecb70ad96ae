"""An intervention ready to be looked at for each update, and what a session has of those of its site."""

from msgspec import Struct

from stream.experiments.conditions import Condition
from stream.interventions.definition import InterventionDefinition
from stream.interventions.silence import due_after


class CompiledIntervention(Struct, frozen=True):
    """A definition with its condition; `silences` are the ms without an event after which this is looked at."""

    definition: InterventionDefinition
    when: Condition
    silences: tuple[int, ...] = ()


class EnrolledIntervention(Struct, frozen=True):
    """An intervention of a session; `held`: it is recorded and nobody acts."""

    rule: CompiledIntervention
    held: bool


def compile_intervention(definition: InterventionDefinition, when: Condition) -> CompiledIntervention:
    return CompiledIntervention(definition, when, due_after(when))
