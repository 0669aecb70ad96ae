"""What an intervention would have done in a part of the log: how often, for how many, when. Pure."""

from collections.abc import Iterable

from msgspec import Struct

from storage.interventions.firings import FiringOutcome, is_too_many
from stream.interventions.definition import InterventionDefinition

HOUR_MS = 3_600_000


class TrialFiring(Struct, frozen=True, order=True):
    """One time that it would have fired; in ms UTC by the log's clock. `held`: nobody would have acted."""

    fired_at: int
    partition: int
    offset: int
    session_id: str
    visitor_id: str
    held: bool


class HourOfTrial(Struct, frozen=True):
    """How often it would have been delivered within an hour, which begins at `since` (ms UTC)."""

    since: int
    delivered: int


class TrialReport(Struct, frozen=True, kw_only=True):
    """Of the sessions that opened in the window, and are folded to the end of the log: how many there were, and in how
    many it would have fired, by what would have become of it; `visitors` would have met it. Times in ms UTC.
    """

    name: str
    site: str
    since: int
    until: int
    sessions: int
    fired: int
    delivered: int
    held: int
    capped: int
    visitors: int
    hours: list[HourOfTrial]


def report_of(
    definition: InterventionDefinition, since: int, until: int, sessions: int, firings: Iterable[TrialFiring]
) -> TrialReport:
    """The report of these firings, in any order."""
    ordered = sorted(firings)
    outcomes = _outcomes(definition, ordered)
    delivered = [each for each, outcome in zip(ordered, outcomes, strict=True) if outcome == "delivered"]
    hours: dict[int, int] = {}
    for each in delivered:
        begin = each.fired_at - each.fired_at % HOUR_MS
        hours[begin] = hours.get(begin, 0) + 1
    return TrialReport(
        name=definition.name,
        site=definition.site,
        since=since,
        until=until,
        sessions=sessions,
        fired=len(ordered),
        delivered=len(delivered),
        held=outcomes.count("held"),
        capped=outcomes.count("capped"),
        visitors=len({each.visitor_id for each in delivered}),
        hours=[HourOfTrial(begin, count) for begin, count in hours.items()],
    )


def _outcomes(definition: InterventionDefinition, ordered: Iterable[TrialFiring]) -> list[FiringOutcome]:
    """What would have become of each."""
    met: dict[str, list[int]] = {}
    outcomes: list[FiringOutcome] = []
    for each in ordered:
        times = met.setdefault(each.visitor_id, [])
        if each.held:
            outcomes.append("held")
        elif is_too_many(definition, len(times), times[-1] if times else None, each.fired_at):
            outcomes.append("capped")
        else:
            times.append(each.fired_at)
            outcomes.append("delivered")
    return outcomes
