"""Which erasures were asked for and how far they are, so that one that was interrupted is finished.

Kept in the relational database. What stands there of somebody who is forgotten is a digest.
"""

import time
from collections.abc import Collection
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, and_, or_, select, text
from sqlalchemy.exc import IntegrityError

from storage.admin.forget import Deleted, Key, Visitor
from storage.database.engine import reached, truncate_log
from storage.database.tables import erasures
from stream.fold.erasure_keys import NO_KEY, ErasureKeys

State = Literal["running", "done"]


class ErasureEntry(Struct, frozen=True):
    """One erasure; times in ms UTC."""

    digest: str
    state: State
    asked_at: int
    done_at: int | None
    deleted: Deleted


class ErasureJournal:
    """The table `erasures`; `keys` make the digests. Blocking; raises DatabaseUnavailableError."""

    def __init__(self, engine: Engine, keys: ErasureKeys | None = None) -> None:
        self._engine = engine
        self.keys = keys or ErasureKeys()

    def begin(self, visitor: Visitor) -> str:
        """Note that this visitor is to be forgotten, again perhaps; returns its digest."""
        digest = self.keys.visitor_digest(visitor.site, visitor.visitor_id)
        self._note(digest, visitor.site, visitor.visitor_id, "running")
        return digest

    def share(self, digest: str, keys: Collection[Key]) -> list[Key]:
        """Note that these sessions are forgotten with it; returns them, with those that were noted before."""
        with reached(), self._engine.begin() as connection:
            row = select(erasures.c.shared).where(erasures.c.digest == digest)
            known = msgspec.json.decode(connection.execute(row).scalar_one(), type=list[Key])
            shared = sorted({*known, *keys})
            encoded = msgspec.json.encode(shared).decode()
            connection.execute(erasures.update().where(erasures.c.digest == digest).values(shared=encoded))
        for site, session_id in shared:
            self._note(self.keys.session_digest(site, session_id), site, "", "done")
        return shared

    def end(self, digest: str, deleted: Deleted) -> None:
        """It is done; who it was is forgotten here, too, also where it was begun with another key."""
        t = erasures.c
        done = {"state": "done", "done_at": _now(), "visitor_id": "", "shared": "[]"}
        done["deleted"] = msgspec.json.encode(deleted).decode()
        with reached(), self._engine.begin() as connection:
            who = connection.execute(select(t.site, t.visitor_id).where(t.digest == digest)).one()
            begun = and_(t.state == "running", t.site == who.site, t.visitor_id == who.visitor_id)
            connection.execute(erasures.update().where(or_(t.digest == digest, begun)).values(done))
        truncate_log(self._engine)

    def entry(self, visitor: Visitor) -> ErasureEntry | None:
        t = erasures.c
        known = self.keys.visitor_digests(visitor.site, visitor.visitor_id)
        query = select(t.digest, t.state, t.asked_at, t.done_at, t.deleted)
        query = query.where(t.digest.in_(known)).order_by(t.asked_at.desc()).limit(1)
        with reached(), self._engine.connect() as connection:
            row = connection.execute(query).first()
        return ErasureEntry(row[0], row[1], row[2], row[3], msgspec.json.decode(row[4], type=Deleted)) if row else None

    def unfinished(self) -> list[Visitor]:
        """Who is not wholly forgotten yet."""
        t = erasures.c
        with reached(), self._engine.connect() as connection:
            rows = connection.execute(select(t.site, t.visitor_id).where(t.state == "running").order_by(t.asked_at))
            return [Visitor(site, visitor_id) for site, visitor_id in rows]

    def digests(self) -> list[tuple[str, str]]:
        """All that is forgotten: digests, each with the id of its key."""
        # All columns, as a log begins before an older database has got that of keys.
        query = text("SELECT * FROM erasures ORDER BY asked_at")
        with reached(), self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [(str(row["digest"]), str(row.get("key_id", NO_KEY))) for row in rows]

    def _note(self, digest: str, site: str, visitor_id: str, state: State) -> None:
        now = _now()
        row = {"site": site, "visitor_id": visitor_id, "state": state, "asked_at": now, "deleted": "{}"}
        row |= {"done_at": now if state == "done" else None, "key_id": self.keys.newest}
        with reached():
            try:
                with self._engine.begin() as connection:
                    connection.execute(erasures.insert(), row | {"digest": digest, "shared": "[]"})
            except IntegrityError:
                with self._engine.begin() as connection:
                    connection.execute(erasures.update().where(erasures.c.digest == digest).values(row))


def _now() -> int:
    return int(time.time() * 1000)
