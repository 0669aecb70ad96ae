"""What becomes of interventions that fired: delivered, held by an experiment, too many for the visitor, or stopped.

A visitor's sessions may lie in several partitions of the log, so no worker can count them together: the database does.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy import update as changing

from storage.interventions.tables import intervention_firings, intervention_messages
from storage.webhooks.database import reading
from stream.interventions.definition import InterventionDefinition
from stream.scored import FiredIntervention, ScoredSession

FiringOutcome = Literal["delivered", "held", "capped", "stopped"]
#: The names of the interventions that are stopped by now; raises KafkaUnavailableError while nobody knows.
ReadStopped = Callable[[], Awaitable[frozenset[str]]]
_t = intervention_firings.c


def record_firing(
    connection: Connection, update: ScoredSession, fired: FiredIntervention, stopped: Collection[str]
) -> FiringOutcome | None:
    """Keep what became of an intervention, and say it; None where it is kept already. In the transaction that moves
    the position in the log, so that what is read twice is delivered once. `stopped` are names.
    """
    identity = {"site": update.site, "session_id": update.session_id, "opened_at": update.opened_at, "name": fired.name}
    known = select(_t.name).where(*(_t[column] == value for column, value in identity.items()))
    if connection.execute(known).first() is not None:
        return None
    outcome: FiringOutcome = "held" if fired.held else "delivered"
    if not fired.held and fired.name in stopped:
        outcome = "stopped"
    elif not fired.held and is_capped(connection, update, fired):
        outcome = "capped"
    connection.execute(
        insert(intervention_firings).values(
            **identity, visitor_id=update.visitor_id, fired_at=fired.fired_at, outcome=outcome
        )
    )
    return outcome


def record_stop(connection: Connection, site: str, session_id: str, opened_at: int, name: str) -> None:
    """One that counted as delivered was stopped before anybody had it."""
    same = (_t.site == site, _t.session_id == session_id, _t.opened_at == opened_at, _t.name == name)
    connection.execute(changing(intervention_firings).where(*same, _t.outcome == "delivered").values(outcome="stopped"))


def is_capped(connection: Connection, update: ScoredSession, fired: FiredIntervention) -> bool:
    """Whether the visitor's other sessions have met the intervention too often, or too lately."""
    if not (fired.visitor_cap or fired.visitor_cooldown_seconds):
        return False
    met = select(func.count(), func.max(_t.fired_at)).where(
        _t.site == update.site,
        _t.visitor_id == update.visitor_id,
        _t.name == fired.name,
        _t.outcome == "delivered",
        _t.fired_at <= fired.fired_at,
    )
    times, latest = connection.execute(met).one()
    return is_too_many(fired, times, latest, fired.fired_at)


def is_too_many(limits: FiredIntervention | InterventionDefinition, times: int, latest: int | None, now: int) -> bool:
    """Whether one who has met it so many times, at last at `latest`, meets it too often or too lately at `now`; ms UTC,
    None: never.
    """
    if limits.visitor_cap and times >= limits.visitor_cap:
        return True
    return latest is not None and now - latest < limits.visitor_cooldown_seconds * 1000


class KeptFiring(NamedTuple):
    """What became of an intervention in a session, and its payload where it goes to the page, "" where it has none."""

    outcome: FiringOutcome
    payload: str


def firings_of(engine: Engine, site: str, session_id: str, opened_at: int) -> dict[str, KeptFiring]:
    """What is known of the interventions of a session, by name. Raises DatabaseUnavailableError."""
    m = intervention_messages.c
    same = (m.site == _t.site) & (m.name == _t.name)
    query = (
        select(_t.name, _t.outcome, func.coalesce(m.payload, ""))
        .select_from(intervention_firings.outerjoin(intervention_messages, same))
        .where(_t.site == site, _t.session_id == session_id, _t.opened_at == opened_at)
    )
    with reading(engine) as connection:
        return {name: KeptFiring(outcome, payload) for name, outcome, payload in connection.execute(query)}


def counts(engine: Engine, site: str, name: str) -> dict[FiringOutcome, int]:
    """How often each outcome is known of an intervention."""
    query = select(_t.outcome, func.count()).where(_t.site == site, _t.name == name).group_by(_t.outcome)
    with engine.connect() as connection:
        return dict(connection.execute(query).all())


def forget_firings(connection: Connection, site: str, visitor_id: str, session_ids: Sequence[str]) -> None:
    """Delete what is known of a visitor of the site, and of these sessions of it."""
    about = (_t.visitor_id == visitor_id) | _t.session_id.in_(session_ids)
    connection.execute(delete(intervention_firings).where(_t.site == site, about))


def forget_old_firings(engine: Engine, before: int) -> int:
    """Delete those that fired before (ms UTC); how many."""
    with engine.begin() as connection:
        return connection.execute(delete(intervention_firings).where(_t.fired_at < before)).rowcount
