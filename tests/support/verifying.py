"""What the tests of the verifying programs make: a database like the system's, and the programs' options."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path


class GeneratedFile:
    """A file of sessions, and a database that holds what came of them on `site`."""

    site: str
    sessions: int

    def __init__(self, folder: Path, data: Path) -> None:
        self.data, self.database = data, folder / "rows.sqlite"

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - our own
        connection.close()

    def change(self, statement: str) -> None:
        with sqlite3.connect(self.database) as connection:
            assert connection.execute(statement).rowcount >= 1
        connection.close()

    def arguments(self, **given: str) -> list[str]:
        options = {
            "database": f"sqlite:///{self.database}",
            "site": self.site,
            "data": str(self.data),
            "sessions": str(self.sessions),
        } | given
        return [part for name, value in options.items() for part in (f"--{name}", value)]


def is_one_line(said: str, says: str) -> bool:
    """Whether what a program said is one line that has these words."""
    return says in said and len(said.strip().splitlines()) == 1
