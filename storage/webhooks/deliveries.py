"""Deliveries: what is due, what became of it, and the log of both.

A crossing that an experiment or a hold-out holds back is written as any other, in the state `held`: nothing sends it.
So is what was due of an intervention when it was stopped.

A delivery is claimed by moving its due time behind the longest that an attempt may take. Whoever claimed it and was
killed leaves it due then, for anybody; the receiver may see it twice, under the same id.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, func, select, update

from storage.interventions.firings import record_firing, record_stop
from storage.interventions.tables import intervention_messages
from storage.webhooks.crossings import Crossing, Firing
from storage.webhooks.database import insert_new, reading, transaction
from storage.webhooks.message import FIRED, Message, crossed, encode, fired, intervention_of
from storage.webhooks.tables import deliveries, webhooks

State = Literal["due", "delivered", "dead", "held"]
#: Rows that one statement of housekeeping takes at most.
SWEEP = 1_000

_t = deliveries.c


class Delivery(Struct, frozen=True, kw_only=True):
    """A row of the log; times in ms UTC, see storage/webhooks/tables.py."""

    id: str
    webhook_id: str
    kind: str
    site: str
    session_id: str
    opened_at: int
    visitor_id: str
    body: str
    state: State
    attempts: int
    due_at: int
    created_at: int
    tried_at: int
    status: int
    detail: str


def put_crossings(connection: Connection, crossings: Iterable[Crossing], now: int) -> None:
    """Make a delivery of each, due now or held; what was made before stays as it is."""
    rows = []
    for crossing in crossings:
        of, message = crossing.update, crossed(crossing)
        row = _due(message, crossing.webhook.id, now, of.site, of.session_id, of.opened_at, of.visitor_id)
        if held_by := crossing.held_by:
            row |= {"state": "held", "detail": held_by[:300]}
        rows.append(row)
    insert_new(connection, deliveries, rows)


def put_firing(connection: Connection, firing: Firing, now: int, stopped: Collection[str] = ()) -> int:
    """Keep what became of an intervention and, where nothing holds it back, make a delivery for each webhook that wants
    it; returns how many. One for the page makes none: storage/live hands it over. `stopped` are names of interventions.
    """
    of, what = firing.update, firing.intervention
    if record_firing(connection, of, what, stopped) != "delivered":
        return 0
    if what.action == "page":
        message = {"site": of.site, "name": what.name, "payload": what.payload}
        insert_new(connection, intervention_messages, [message])
        return 0
    rows = [
        _due(fired(firing, hook.id), hook.id, now, of.site, of.session_id, of.opened_at, of.visitor_id)
        for hook in firing.webhooks
        if of.updated_at >= hook.since
    ]
    insert_new(connection, deliveries, rows)
    return len(rows)


def put_test(engine: Engine, webhook_id: str, site: str, message: Message, now: int) -> None:
    """Make a delivery of a test message, due now."""
    with transaction(engine) as connection:
        insert_new(connection, deliveries, [_due(message, webhook_id, now, site, "", 0, "")])


def first_due(engine: Engine) -> dict[str, int]:
    """By webhook in use, when the first of its deliveries is due."""
    query = (
        select(_t.webhook_id, func.min(_t.due_at))
        .where(_t.state == "due", _t.webhook_id.in_(select(webhooks.c.id).where(webhooks.c.disabled == "")))
        .group_by(_t.webhook_id)
    )
    with reading(engine) as connection:
        return dict(connection.execute(query).all())


def claim(engine: Engine, webhook_id: str, most: int, now: int, until: int) -> list[Delivery]:
    """At most so many deliveries that are due now, for us alone until `until`; the oldest first."""
    due = (
        select(deliveries)
        .where(_t.state == "due", _t.webhook_id == webhook_id, _t.due_at <= now)
        .order_by(_t.due_at)
        .limit(most)
    )
    claimed = []
    with transaction(engine) as connection:
        for row in connection.execute(due).mappings().fetchall():
            found = Delivery(**row)
            mine = (
                update(deliveries)
                .where(_t.id == found.id, _t.state == "due", _t.due_at == found.due_at)
                .values(due_at=until, tried_at=now, attempts=found.attempts + 1)
            )
            # Another part may have taken it since it was read.
            if connection.execute(mine).rowcount:
                claimed.append(Delivery(**(dict(row) | {"attempts": found.attempts + 1, "tried_at": now})))
    return claimed


def settle(engine: Engine, delivery: Delivery, state: State, due_at: int, status: int, detail: str) -> None:
    """Write down what became of an attempt. What was given up, sent again or erased meanwhile stays so."""
    with transaction(engine) as connection:
        connection.execute(
            update(deliveries)
            .where(_t.id == delivery.id, _t.state == "due", _t.attempts == delivery.attempts)
            .values(state=state, due_at=due_at, status=status, detail=detail[:300])
        )


def stop(engine: Engine, delivery: Delivery, name: str, now: int) -> None:
    """Hold back what was claimed, as its intervention was stopped; the firing counts as stopped where no other webhook
    has it, or may get it.
    """
    with transaction(engine) as connection:
        mine = update(deliveries).where(
            _t.id == delivery.id, _t.state == "due", _t.attempts == delivery.attempts, _t.tried_at == delivery.tried_at
        )
        held = {"state": "held", "due_at": now, "detail": f"held back: {name} was stopped before this was sent"}
        if not connection.execute(mine.values(attempts=delivery.attempts - 1, **held)).rowcount:
            return
        others = select(_t.body).where(
            _t.visitor_id == delivery.visitor_id,
            _t.site == delivery.site,
            _t.session_id == delivery.session_id,
            _t.opened_at == delivery.opened_at,
            _t.kind == FIRED,
            _t.state.in_(("due", "delivered")),
        )
        if name not in map(intervention_of, connection.execute(others).scalars()):
            record_stop(connection, delivery.site, delivery.session_id, delivery.opened_at, name)


def again(engine: Engine, delivery_id: str, now: int) -> bool:
    """Make a dead or delivered one due, as if new; whether there is one for a webhook that is in use, and not held."""
    with transaction(engine) as connection:
        return bool(
            connection.execute(
                update(deliveries)
                .where(
                    _t.id == delivery_id,
                    _t.state.in_(("delivered", "dead")),
                    _t.webhook_id.in_(select(webhooks.c.id).where(webhooks.c.disabled == "")),
                )
                .values(state="due", due_at=now, attempts=0)
            ).rowcount
        )


def one(engine: Engine, delivery_id: str) -> Delivery | None:
    with reading(engine) as connection:
        row = connection.execute(select(deliveries).where(_t.id == delivery_id)).mappings().first()
    return None if row is None else Delivery(**row)


def newest(engine: Engine, state: State | None, webhook_id: str | None, limit: int) -> list[Delivery]:
    """The log, the newest first."""
    query = select(deliveries).order_by(_t.created_at.desc(), _t.id).limit(limit)
    if state is not None:
        query = query.where(_t.state == state)
    if webhook_id is not None:
        query = query.where(_t.webhook_id == webhook_id)
    with reading(engine) as connection:
        return [Delivery(**row) for row in connection.execute(query).mappings()]


def counts(engine: Engine) -> dict[str, int]:
    """How many are due and how many are dead."""
    query = select(_t.state, func.count()).where(_t.state.in_(("due", "dead"))).group_by(_t.state)
    with reading(engine) as connection:
        return {"due": 0, "dead": 0} | dict(connection.execute(query).all())


def give_up_all(connection: Connection, webhook_id: str, why: str) -> None:
    """What is due for a webhook is dead."""
    connection.execute(
        update(deliveries).where(_t.state == "due", _t.webhook_id == webhook_id).values(state="dead", detail=why[:300])
    )


def sweep(engine: Engine, before: int) -> int:
    """Give up what is due for no webhook that is in use, and delete what was made before (ms UTC); how many of these.

    A crossing may be written in the moment in which its webhook is removed.
    """
    orphans = update(deliveries).where(
        _t.state == "due", _t.webhook_id.not_in(select(webhooks.c.id).where(webhooks.c.disabled == ""))
    )
    with transaction(engine) as connection:
        connection.execute(orphans.values(state="dead", detail="the webhook is gone"))
    gone = 0
    while True:
        with transaction(engine) as connection:
            old = select(_t.id).where(_t.created_at < before, _t.state != "due").limit(SWEEP)
            ids = list(connection.execute(old).scalars())
            if not ids:
                return gone
            gone += connection.execute(delete(deliveries).where(_t.id.in_(ids))).rowcount


def _due(
    message: Message, webhook_id: str, now: int, site: str, session_id: str, opened_at: int, visitor_id: str
) -> dict[str, Any]:
    return {
        "id": message.id,
        "webhook_id": webhook_id,
        "kind": message.type,
        "site": site,
        "session_id": session_id,
        "opened_at": opened_at,
        "visitor_id": visitor_id,
        "body": encode(message),
        "state": "due",
        "attempts": 0,
        "due_at": now,
        "created_at": now,
        "tried_at": 0,
        "status": 0,
        "detail": "",
    }
