"""Locks that die with their holder: the database's, or where that is SQLite the file system's."""

import contextlib
import fcntl
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError


@contextlib.contextmanager
def exclusive(engine: Engine, purpose: str, busy: Exception, of: str = "") -> Generator[None, None, None]:
    """Hold the lock of this purpose (on MariaDB: for `of` alone); raises `busy` where another holds it, and
    SQLAlchemyError or OSError where it cannot be asked for.
    """
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.{purpose}").open("a") as lock:
            lock_file(lock, busy)
            yield
        return
    # MariaDB's locks are the server's: other databases on it have the same names, of 64 characters at most.
    locked = f"{engine.url.database}:{of}" if of else str(engine.url.database)
    name = f"opecom-{purpose}:{hashlib.blake2b(locked.encode(), digest_size=16).hexdigest()}"
    with engine.connect() as connection:
        if connection.execute(text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar() != 1:
            raise busy
        # Nothing but this connection holds the lock; a transaction left open would pin old rows.
        connection.commit()
        try:
            yield
        finally:
            with contextlib.suppress(SQLAlchemyError):
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})


def lock_file(lock: IO[Any], busy: Exception) -> None:
    """Lock an open file until it is closed; raises `busy` where another process has."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy from None
