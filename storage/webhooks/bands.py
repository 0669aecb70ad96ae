"""Positions, bands and deliveries, moved on together: what crossed is written once, whoever reads it how often.

The position in the database is the truth, not that of the Kafka group. It moves only from where the reader believes it
to be, and in the same transaction as what was read comes to: a second reader of the same records finds it moved.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, exc, insert, select, update

from scoring.manifest import Band
from storage.errors import StorageError
from storage.webhooks.crossings import FoundCrossings, Webhook, fold
from storage.webhooks.database import reading, replace, transaction
from storage.webhooks.deliveries import put_crossings, put_firing
from storage.webhooks.tables import bands, positions, webhooks
from stream.scored import Identity, ScoredSession, identity_of

#: Session ids that one query names.
MOST_IDS = 500


class PositionMovedError(StorageError):
    """Another part has moved this partition on: read its position again."""


class PartitionPosition(Struct, frozen=True):
    """How far a partition is: the next offset, the greatest event offset seen, and the last record's timestamp.

    `known` says whether the database has it.
    """

    next: int = 0
    reported: int = -1
    timestamp: int = 0
    known: bool = False


class ReadBatch(Struct, frozen=True):
    """What was read of a partition from `place` on, up to `next`; `updates` are those of sites with webhooks."""

    place: PartitionPosition
    next: int
    timestamp: int
    updates: Sequence[ScoredSession]


class StepResult(Struct, frozen=True):
    """The places after a step, how many deliveries it made, and how many of these are held back."""

    places: dict[int, PartitionPosition]
    crossings: int
    held: int = 0


def places(engine: Engine, log: str) -> dict[int, PartitionPosition]:
    """Where each partition of this log is."""
    t = positions.c
    query = select(t.kafka_partition, t.next_offset, t.told_offset, t.last_timestamp).where(t.log == log)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return {number: PartitionPosition(place, reported, timestamp, True) for number, place, reported, timestamp in rows}


def move(
    engine: Engine,
    log: str,
    read: Mapping[int, ReadBatch],
    hooks: Mapping[str, Sequence[Webhook]],
    now: int,
    stopped: Collection[str] = (),
) -> StepResult:
    """Move partitions on, and write what their updates come to; `hooks` by site, `now` in ms UTC, `stopped` the names
    of interventions of which nothing is delivered any more.

    In one transaction: 1 move each position from where it is believed to be (else PositionMovedError) · 2 read
    the bands of the sessions · 3 fold · 4 write the bands · 5 insert the deliveries, and keep what became of
    interventions. Nobody sees a part of it. Raises DatabaseUnavailableError; then the same step may be made again.
    """
    found: dict[int, PartitionPosition] = {}
    crossings = held = 0
    with transaction(engine) as connection:
        # In their order, so that two parts wait for each other and never in a circle.
        for number, step in sorted(read.items()):
            _advance(connection, log, number, step)
        for number, step in sorted(read.items()):
            known = _known(connection, step.updates)
            folded = fold(step.updates, step.place.reported, known, hooks)
            _keep(connection, folded, known, now)
            put_crossings(connection, folded.crossings, now)
            crossings += len(folded.crossings)
            held += sum(bool(each.held_by) for each in folded.crossings)
            for firing in folded.firings:
                crossings += put_firing(connection, firing, now, stopped)
            if folded.reported != step.place.reported:
                _move_reported(connection, log, number, folded.reported)
            found[number] = PartitionPosition(step.next, folded.reported, step.timestamp, known=True)
    return StepResult(found, crossings, held)


def forget_old(engine: Engine, before: int) -> int:
    """Forget bands noted before (ms UTC), and those of sites without a webhook in use; how many."""
    used = select(webhooks.c.site).where(webhooks.c.disabled == "")
    with transaction(engine) as connection:
        return (
            connection.execute(delete(bands).where(bands.c.noted_at < before)).rowcount
            + connection.execute(delete(bands).where(bands.c.site.not_in(used))).rowcount
        )


def _advance(connection: Connection, log: str, number: int, step: ReadBatch) -> None:
    t = positions.c
    after = {"next_offset": step.next, "last_timestamp": step.timestamp}
    if step.place.known:
        here = update(positions).where(
            t.log == log,
            t.kafka_partition == number,
            t.next_offset == step.place.next,
            t.told_offset == step.place.reported,
        )
        if not connection.execute(here.values(after)).rowcount:
            raise PositionMovedError
        return
    try:
        connection.execute(
            insert(positions).values(log=log, kafka_partition=number, told_offset=step.place.reported, **after)
        )
    except exc.IntegrityError as error:
        raise PositionMovedError from error


def _move_reported(connection: Connection, log: str, number: int, reported: int) -> None:
    t = positions.c
    connection.execute(update(positions).where(t.log == log, t.kafka_partition == number).values(told_offset=reported))


def _known(connection: Connection, updates: Iterable[ScoredSession]) -> dict[Identity, Band]:
    wanted: dict[str, dict[str, None]] = {}
    identities = set()
    for one in updates:
        wanted.setdefault(one.site, {})[one.session_id] = None
        identities.add(identity_of(one))
    found: dict[Identity, Band] = {}
    t = bands.c
    for site, ids in wanted.items():
        names = list(ids)
        for start in range(0, len(names), MOST_IDS):
            query = select(t.site, t.session_id, t.opened_at, t.band).where(
                t.site == site, t.session_id.in_(names[start : start + MOST_IDS])
            )
            for *identity, band in connection.execute(query):
                if tuple(identity) in identities:
                    found[tuple(identity)] = band
    return found


def _keep(connection: Connection, folded: FoundCrossings, known: Mapping[Identity, Band], now: int) -> None:
    rows = [
        {"site": site, "session_id": session_id, "opened_at": opened_at, "band": band, "noted_at": now}
        for (site, session_id, opened_at), band in folded.bands.items()
        if band is not None
    ]
    replace(connection, bands, rows)
    t = bands.c
    for identity in (identity for identity, band in folded.bands.items() if band is None and identity in known):
        site, session_id, opened_at = identity
        connection.execute(delete(bands).where(t.site == site, t.session_id == session_id, t.opened_at == opened_at))
