"""An intervention as the topic `experiments` keeps it: when it fires, what it does, how often."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.events import Millis
from stream.experiments.names import ExperimentName, OptionalExperiment, SiteName

#: Where the message goes: to the webhooks of the site that want interventions, or to the page that the session is on.
InterventionAction = Literal["webhook", "page"]
InterventionStatus = Literal["running", "stopped"]
InterventionName = ExperimentName
#: An hour of the day in the site's time zone.
Hour = Annotated[int, Meta(ge=0, le=23)]
Priority = Annotated[int, Meta(ge=0, le=1_000)]
#: How often a visitor meets it, 0: as often as it fires; and the seconds that lie between, at least.
VisitorCap = Annotated[int, Meta(ge=0, le=1_000)]
Cooldown = Annotated[int, Meta(ge=0, le=90 * 86_400)]
#: A JSON object, as the shop writes it.
MOST_PAYLOAD = 4_000
Payload = Annotated[str, Meta(max_length=MOST_PAYLOAD)]
#: Interventions that run at once on a site, which a record may have to name.
MOST_INTERVENTIONS = 12


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """From the beginning of the first hour to that of the second, in the site's time zone; 22 to 8 is the night."""

    since: Hour
    until: Hour

    def holds(self, hour: int) -> bool:
        if self.since <= self.until:
            return self.since <= hour < self.until
        return hour >= self.since or hour < self.until


class InterventionDefinition(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="intervention",
    tag_field="record",
    forbid_unknown_fields=True,
):
    """A rule of one site that fires once in a session at most, at the first moment at which `when` holds.

    Of several that could fire at one moment that of the greatest `priority` does, among equals the one that was started
    first. With an `experiment` it acts in the arms of that one that act, while it runs; in others it is held back.
    `by` is the name of the key that wrote this record; times in ms UTC.
    """

    name: InterventionName
    site: SiteName
    when: Annotated[str, Meta(max_length=500)]
    action: InterventionAction
    status: InterventionStatus
    started_at: Millis
    payload: Payload = ""
    priority: Priority = 0
    visitor_cap: VisitorCap = 0
    visitor_cooldown_seconds: Cooldown = 0
    quiet: QuietHours | None = None
    experiment: OptionalExperiment = ""
    stopped_at: Millis | None = None
    by: Annotated[str, Meta(max_length=200)] = ""
