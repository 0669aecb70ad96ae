"""What the routes of interventions take and answer. Plain data; times in ms UTC."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.experiments.names import OptionalExperiment
from stream.experiments.names import SiteName as InterventionSite
from stream.interventions.definition import (
    Cooldown,
    InterventionAction,
    InterventionDefinition,
    InterventionName,
    Payload,
    Priority,
    QuietHours,
    VisitorCap,
)

InterventionState = Literal["draft", "running", "stopped"]


class InterventionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new intervention: when it fires, and what it does. `payload` is a JSON object, as text, that goes with the
    message. `experiment` names one in whose acting arms alone it acts.
    """

    name: InterventionName
    site: InterventionSite
    when: Annotated[str, Meta(max_length=500)]
    action: InterventionAction = "webhook"
    payload: Payload = ""
    priority: Priority = 0
    visitor_cap: VisitorCap = 0
    visitor_cooldown_seconds: Cooldown = 0
    quiet: QuietHours | None = None
    experiment: OptionalExperiment = ""

    def running(self, since: int, by: str = "") -> InterventionDefinition:
        """As it stands in the log once it is started, at `since` (ms UTC)."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return InterventionDefinition(**given, status="running", started_at=since, by=by)


class InterventionView(Struct, frozen=True, kw_only=True):
    """An intervention. `by` is who changed it last, `version` that of its newest record, 0 of a draft. `delivered`,
    `held`, `capped` and `stopped`: how often it fired, by what became of it; `shown`, `dismissed` and `clicked`: in how
    many of the sessions to which it was delivered a page said so. Null where they were not counted. `notices` are lines
    for the user.
    """

    name: str
    site: str
    when: str
    action: InterventionAction
    payload: str
    priority: int
    visitor_cap: int
    visitor_cooldown_seconds: int
    quiet: QuietHours | None
    experiment: str
    status: InterventionState
    by: str
    version: int = 0
    created_at: int | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    delivered: int | None = None
    held: int | None = None
    capped: int | None = None
    stopped: int | None = None
    shown: int | None = None
    dismissed: int | None = None
    clicked: int | None = None
    notices: list[str] = []


class InterventionList(Struct, frozen=True):
    """Drafts, then those that run, then those that are stopped, each in the order in which they were made."""

    interventions: list[InterventionView]


class InterventionDiscarded(Struct, frozen=True):
    name: str


STRUCTS: tuple[type[Struct], ...] = (InterventionRequest, InterventionView, InterventionList, InterventionDiscarded)
