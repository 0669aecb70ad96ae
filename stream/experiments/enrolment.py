"""What one session has of the experiments of its site: its arms, and whether its visitor is held out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from stream.experiments.assignment import BUCKETS, bucket, contains
from stream.experiments.conditions import Condition, Holds
from stream.experiments.definition import ExperimentDefinition, HoldoutDefinition
from stream.experiments.holding import holds_back
from stream.interventions.rule import CompiledIntervention, EnrolledIntervention
from stream.scored import ArmAssignment


class EnrolledArm(NamedTuple):
    """An arm of a session; `holds` says of which updates, None: of all."""

    assignment: ArmAssignment
    holds: Holds | None


class Enrolment(Struct, frozen=True):
    """The arms of a session. `model` is the version that a model experiment's arm has, "" for the one in force;
    `interventions` are those that may fire in it, in the order in which they win.
    """

    arms: tuple[EnrolledArm, ...] = ()
    is_held_out: bool = False
    model: str = ""
    interventions: tuple[EnrolledIntervention, ...] = ()


#: Enrolments that a plan keeps.
MOST_MADE = 4_096
#: That of most sessions.
NOT_ENROLLED = Enrolment()
_HELD_OUT = Enrolment(is_held_out=True)


class CompiledExperiment:
    """A definition with its condition, None where it has no audience, and what a session has of each arm."""

    __slots__ = ("arms", "audience", "definition")

    def __init__(self, definition: ExperimentDefinition, audience: Condition | None) -> None:
        self.definition = definition
        self.audience = audience
        is_action = definition.kind == "action"
        of_updates = audience.holds if is_action and audience is not None else None
        self.arms = [
            EnrolledArm(ArmAssignment(definition.name, arm.name, arm.acts or not is_action), of_updates)
            for arm in definition.arms
        ]


class SitePlan:
    """What is in force for the sessions of one site that opened at one version: its hold-out, its experiments, its
    interventions.

    `holdout` is that of the opening. Of its buckets the first `held_buckets` are held out still. `silences`: after so
    many ms without an event, the shortest first, a condition is looked at. `had_interventions`: some ran when the
    sessions opened, so that they may have fired, though they are stopped.
    """

    __slots__ = (
        "_made",
        "experiments",
        "had_interventions",
        "held_buckets",
        "holdout",
        "interventions",
        "silences",
    )

    def __init__(
        self,
        holdout: HoldoutDefinition | None = None,
        experiments: Sequence[CompiledExperiment] = (),
        held_buckets: int = BUCKETS,
        interventions: Sequence[CompiledIntervention] = (),
        had_interventions: bool = False,
    ) -> None:
        self.had_interventions = had_interventions
        self.holdout = holdout
        self.experiments = experiments
        self.held_buckets = held_buckets
        self.interventions = sorted(interventions, key=lambda each: -each.definition.priority)
        self.silences = tuple(sorted({ms for each in interventions for ms in each.silences}))
        #: Enrolments by the places of their arms: a worker holds a hundred thousand sessions, which share these.
        self._made: dict[tuple[int, ...], Enrolment] = {}

    @property
    def is_empty(self) -> bool:
        return not self.experiments and not self.interventions and (self.holdout is None or not self.holdout.buckets)

    def enrol(self, visitor_id: str, session_id: str, opening: Any) -> Enrolment:
        """The enrolment of a session; `opening` has the attributes that opening_names() names."""
        holdout = self.holdout
        if holdout is not None and holdout.buckets:
            place = bucket(holdout.salt, visitor_id)
            if place < holdout.buckets:
                # Who was held out at the opening is in no arm later: nothing was done about the session until then.
                return _HELD_OUT if place < self.held_buckets else NOT_ENROLLED
        places = tuple([_place_of(each, visitor_id, session_id, opening) for each in self.experiments])
        enrolment = self._made.get(places)
        if enrolment is None:
            if len(self._made) >= MOST_MADE:
                self._made.clear()
            enrolment = self._made[places] = self._enrolment(places)
        return enrolment

    def _enrolment(self, places: Sequence[int]) -> Enrolment:
        found = [(each, place) for each, place in zip(self.experiments, places, strict=True) if place >= 0]
        if not found and not self.interventions:
            return NOT_ENROLLED
        models = [each.definition.arms[place].model for each, place in found]
        running = [each.definition for each in self.experiments]
        interventions = [
            EnrolledIntervention(each, holds_back(each.definition.experiment, running, places))
            for each in self.interventions
        ]
        arms = tuple([each.arms[place] for each, place in found])
        return Enrolment(arms, False, next(filter(None, models), ""), tuple(interventions))


def _place_of(compiled: CompiledExperiment, visitor_id: str, session_id: str, opening: Any) -> int:
    """The place of the session's arm, -1: none."""
    definition, audience = compiled.definition, compiled.audience
    if definition.kind == "model" and audience is not None and not audience.holds(opening, 0.0, ""):
        return -1
    place = bucket(definition.salt, visitor_id if definition.unit == "visitor" else session_id)
    return next((number for number, arm in enumerate(definition.arms) if contains(arm.ranges, place)), -1)


def assignments(arms: Sequence[EnrolledArm], update: Any, probability: float, band: str) -> tuple[ArmAssignment, ...]:
    """The arms whose audience this update is in."""
    return tuple([assignment for assignment, holds in arms if holds is None or holds(update, probability, band)])
