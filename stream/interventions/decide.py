"""Which intervention fires at an update: one winner over all rules of the site, each once in a session."""

from collections.abc import Callable, Sequence

from stream.interventions.rule import EnrolledIntervention
from stream.scored import OFFSET_SHIFT, FiredIntervention, ScoredSession


def decide(
    fired: tuple[FiredIntervention, ...],
    rules: Sequence[EnrolledIntervention],
    update: ScoredSession,
    hour_of: Callable[[int], int],
) -> tuple[FiredIntervention, ...]:
    """What has fired in the session by this update; `fired` itself where nothing is added.

    `rules` are in the order in which they win, `hour_of` gives the local hour of a time in ms UTC. Nothing fires when a
    session closes, nor where nobody is there.
    """
    if update.status == "closed" or update.bot:
        return fired
    probability, band = update.probability, update.band
    for each in rules:
        rule = each.rule
        if not rule.when.holds(update, probability, band):
            continue
        definition = rule.definition
        if any(earlier.name == definition.name for earlier in fired):
            continue
        if definition.quiet is not None and definition.quiet.holds(hour_of(update.updated_at)):
            continue
        winner = FiredIntervention(
            definition.name,
            definition.action,
            update.updated_at,
            update.version >> OFFSET_SHIFT,
            each.held,
            definition.payload,
            definition.visitor_cap,
            definition.visitor_cooldown_seconds,
        )
        return (*fired, winner)
    return fired
