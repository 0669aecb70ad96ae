"""Drafts: what waits for its start is a row of a table that nothing folds. Each kind of them has a table of its own."""

from typing import Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import BigInteger, Column, Engine, PrimaryKeyConstraint, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database.tables import metadata


class NamedRequest(Protocol):
    """What was requested: it has a name, and a site."""

    @property
    def name(self) -> str: ...

    @property
    def site(self) -> str: ...


class Draft(Protocol):
    """A struct that JSON keeps; `created_at` in ms UTC."""

    @property
    def request(self) -> NamedRequest: ...

    @property
    def created_at(self) -> int: ...

    @property
    def created_by(self) -> str: ...


D = TypeVar("D", bound=Draft)


def draft_table(name: str) -> Table:
    """A table of drafts, as queries name it; storage/migrations makes it."""
    return Table(
        name,
        metadata,
        Column("name", String(32), nullable=False),
        Column("site", String(64), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("created_by", String(200), nullable=False),
        Column("draft", Text, nullable=False),
        PrimaryKeyConstraint("name"),
    )


class DraftRows(Generic[D]):
    """The drafts in a table. Blocking; raises SQLAlchemy's errors."""

    def __init__(self, engine: Engine, table: Table, kind: type[D]) -> None:
        self.engine = engine
        self._table = table
        self._kind = kind

    def add(self, draft: D) -> bool:
        """Whether it was added: False where there is one of that name."""
        row = {
            "name": draft.request.name,
            "site": draft.request.site,
            "created_at": draft.created_at,
            "created_by": draft.created_by,
            "draft": msgspec.json.encode(draft).decode(),
        }
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(self._table).values(**row))
        except IntegrityError:
            return False
        return True

    def all(self) -> list[D]:
        """The oldest first."""
        c = self._table.c
        with self.engine.connect() as connection:
            rows = connection.execute(select(c.draft).order_by(c.created_at, c.name)).scalars().all()
        return [msgspec.json.decode(row, type=self._kind) for row in rows]

    def find(self, name: str) -> D | None:
        c = self._table.c
        with self.engine.connect() as connection:
            row = connection.execute(select(c.draft).where(c.name == name)).scalar_one_or_none()
        return None if row is None else msgspec.json.decode(row, type=self._kind)

    def discard(self, name: str) -> bool:
        """Whether there was one."""
        with self.engine.begin() as connection:
            return bool(connection.execute(delete(self._table).where(self._table.c.name == name)).rowcount)
