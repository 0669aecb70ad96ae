"""Where each replay is: its request, its plans, and the checkpoints from which it goes on after an interruption.

Kept in the relational database, so that numbers are unique and a replay that died can go on elsewhere. A lock that the
database (or the file system, for SQLite) lets go of when its holder dies keeps two replays of one log apart.
"""

import contextlib
import time
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from storage.database.errors import line_of
from storage.database.locks import exclusive
from storage.database.tables import backfill_partitions, backfills
from storage.replay.account import Account, total
from storage.replay.errors import BusyError, JournalAwayError, ReplayError
from storage.replay.request import PartitionPlan, ReplaySelection
from stream.fold.mark import Mark
from stream.replay import MOST_REPLAYS

Kept = TypeVar("Kept", bound=Struct)


class Checkpoint(Struct, frozen=True):
    """Where one partition is: the next offset to publish, and the mark from which folding finds that place again.

    It is kept when a batch is counted and before that is published, so that an interruption never finds rows
    replaced that nobody compared: the records from `next` to before `counted` are published again, not counted again.
    """

    plan: PartitionPlan
    next: int
    counted: int
    mark: Mark
    account: Account

    @property
    def done(self) -> bool:
        return self.next > self.plan.cut


class BackfillEntry(Struct, frozen=True):
    """One replay; times in ms UTC."""

    log: str
    number: int
    state: str
    started_at: int
    moved_at: int
    request: ReplaySelection
    account: Account


class Journal:
    """The journal of one log."""

    def __init__(self, engine: Engine, log: str) -> None:
        self._engine = engine
        self.log = log

    def entries(self) -> list[BackfillEntry]:
        """All replays, the newest first."""
        t = backfills.c
        with self._read() as connection:
            rows = connection.execute(select(backfills).where(t.log == self.log).order_by(t.number.desc())).fetchall()
        return [
            BackfillEntry(
                row[0], row[1], row[2], row[3], row[4], _decoded(row[5], ReplaySelection), _decoded(row[6], Account)
            )
            for row in rows
        ]

    def entry(self, number: int) -> BackfillEntry | None:
        return next((entry for entry in self.entries() if entry.number == number), None)

    def begin(self, request: ReplaySelection, plans: Sequence[PartitionPlan], at_least: int) -> int:
        """A new replay's number, `at_least` or more; raises ReplayError when there are no more numbers."""
        now = _now()
        with self._write() as connection:
            last = connection.execute(select(func.max(backfills.c.number)).where(backfills.c.log == self.log)).scalar()
            number = max(int(last or 0) + 1, at_least)
            if number > MOST_REPLAYS:
                raise ReplayError(
                    f"this log has been replayed {MOST_REPLAYS:,} times, and versions have room for no more: go on "
                    "with a new log"
                )
            row = {"log": self.log, "number": number, "state": "running", "started_at": now, "moved_at": now}
            connection.execute(backfills.insert(), row | {"request": _encoded(request), "account": _encoded(Account())})
            if plans:
                connection.execute(
                    backfill_partitions.insert(),
                    [self._row(number, begun(plan)) for plan in plans],
                )
        return number

    def checkpoints(self, number: int) -> list[Checkpoint]:
        t = backfill_partitions.c
        query = (
            select(t.plan, t.next_offset, t.counted_offset, t.mark, t.account)
            .where(t.log == self.log, t.number == number)
            .order_by(t.kafka_partition)
        )
        with self._read() as connection:
            rows = connection.execute(query).fetchall()
        return [
            Checkpoint(
                _decoded(row[0], PartitionPlan), row[1], row[2], _decoded(row[3], Mark), _decoded(row[4], Account)
            )
            for row in rows
        ]

    def keep(self, number: int, checkpoint: Checkpoint) -> None:
        """Remember how far a partition is."""
        t = backfill_partitions.c
        row = self._row(number, checkpoint)
        with self._write() as connection:
            connection.execute(
                backfill_partitions.update()
                .where(t.log == self.log, t.number == number, t.kafka_partition == checkpoint.plan.partition)
                .values({name: row[name] for name in ("next_offset", "counted_offset", "mark", "account")})
            )
            self._move(connection, number, {})

    def end(self, number: int, state: str, account: Account) -> None:
        with self._write() as connection:
            self._move(connection, number, {"state": state, "account": _encoded(account)})

    def account(self, number: int) -> Account:
        """The sum of what the partitions have done so far."""
        return total(checkpoint.account for checkpoint in self.checkpoints(number))

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        """Hold the log's lock; raises BusyError where another replay holds it."""
        with _explained(), exclusive(self._engine, "replay", BusyError(), self.log):
            yield

    def _move(self, connection: Connection, number: int, values: dict[str, str]) -> None:
        t = backfills.c
        connection.execute(
            backfills.update().where(t.log == self.log, t.number == number).values(moved_at=_now(), **values)
        )

    def _row(self, number: int, checkpoint: Checkpoint) -> dict[str, int | str]:
        return {
            "log": self.log,
            "number": number,
            "kafka_partition": checkpoint.plan.partition,
            "plan": _encoded(checkpoint.plan),
            "next_offset": checkpoint.next,
            "counted_offset": checkpoint.counted,
            "mark": _encoded(checkpoint.mark),
            "account": _encoded(checkpoint.account),
        }

    @contextlib.contextmanager
    def _read(self) -> Generator[Connection, None, None]:
        with _explained(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Generator[Connection, None, None]:
        with _explained(), self._engine.begin() as connection:
            yield connection


def begun(plan: PartitionPlan) -> Checkpoint:
    """A partition of which nothing is published."""
    return Checkpoint(plan, plan.begin.next, plan.begin.next, plan.begin, Account())


def unfinished(entries: Iterable[BackfillEntry]) -> list[BackfillEntry]:
    """The replays that were interrupted; whoever asks holds the lock, so none of them runs."""
    return [entry for entry in entries if entry.state == "running"]


@contextlib.contextmanager
def _explained() -> Generator[None, None, None]:
    try:
        yield
    except SQLAlchemyError as error:
        line = f"the relational database does not answer ({line_of(error):.200}): see storage.url"
        raise JournalAwayError(line) from error


def _now() -> int:
    return int(time.time() * 1000)


def _encoded(value: Struct) -> str:
    return msgspec.json.encode(value).decode()


def _decoded(value: str, kind: type[Kept]) -> Kept:
    return msgspec.json.decode(value, type=kind)
