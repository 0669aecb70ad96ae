"""The relational database: reachable, MariaDB or SQLite, of a version that can do it, with this program's schema."""

import re
import time

from deploy.doctor.finding import Finding
from storage.database.migrate import Run, SchemaError, check
from storage.write.relational_sink import MAX_STATEMENT

CHECK = "relational database"
#: The oldest MariaDB that its makers still maintain.
OLDEST = (10, 6)
#: A statement ends a row past MAX_STATEMENT, and a row may be as large as an event.
PACKET = 2 * MAX_STATEMENT


def relational(kind: str, run: Run) -> list[Finding]:
    """What is wrong with the opened database, or one line that it is not; `kind` is mariadb or sqlite."""
    version = f"SQLite {_one(run, 'SELECT sqlite_version()')}" if kind == "sqlite" else _one(run, "SELECT VERSION()")
    faults = [] if kind == "sqlite" else _of_mariadb(version, run)
    try:
        check(kind, run)
    except SchemaError as error:
        faults.append(Finding(CHECK, "fault", str(error)))
    return faults or [Finding(CHECK, "ok", f"{version}, schema as this program needs it")]


def ahead(run: Run) -> float:
    """Seconds by which MariaDB's clock is ahead of this machine's."""
    before = time.time()
    there = float(_one(run, "SELECT UNIX_TIMESTAMP(NOW(6))"))
    return there - (before + time.time()) / 2


def _of_mariadb(version: str, run: Run) -> list[Finding]:
    faults = []
    if "mariadb" not in version.lower():
        faults.append(Finding(CHECK, "fault", f"storage.url leads to a server {version}: it must be MariaDB"))
    elif tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        line = f"MariaDB {version} is no longer maintained: update it to 10.6 or newer"
        faults.append(Finding(CHECK, "warning", line))
    if "STRICT_ALL_TABLES" not in _one(run, "SELECT @@SESSION.sql_mode").upper():
        line = "sessions are not strict although ours ask for it: let no proxy before MariaDB drop init commands"
        faults.append(Finding(CHECK, "fault", line))
    packet = int(_one(run, "SELECT @@SESSION.max_allowed_packet"))
    if packet < PACKET:
        line = f"max_allowed_packet is {packet:,}, {PACKET:,} is the least: SET GLOBAL max_allowed_packet = 16777216"
        faults.append(Finding(CHECK, "fault", line))
    return faults


def _one(run: Run, query: str) -> str:
    return str(run(query)[0][0])
