"""The sessions that a replay made, where it writes no rows that would tell; on disk, so that memory does not grow."""

import sqlite3
from collections.abc import Iterable

from stream.scored import Identity


class IdentitySet:
    """A set of identities in a temporary file of its own, gone with the process; for one thread at a time."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", check_same_thread=False)
        self._rows.execute("CREATE TABLE made (site, session_id, opened_at, PRIMARY KEY (site, session_id, opened_at))")

    def add(self, identities: Iterable[Identity]) -> None:
        self._rows.executemany("INSERT OR IGNORE INTO made VALUES (?, ?, ?)", identities)

    def __contains__(self, identity: Identity) -> bool:
        query = "SELECT 1 FROM made WHERE site = ? AND session_id = ? AND opened_at = ?"
        return self._rows.execute(query, identity).fetchone() is not None

    def close(self) -> None:
        self._rows.close()
