"""Parts of ClickHouse's tables that it found damaged and set aside: their rows are missing, though every query answers.

A power cut leaves such parts: a file cut short, or checksums that were not written. ClickHouse, and chDB with it, moves
them into the folder `detached` of the table and goes on without them.
"""

from typing import Any

from clickhouse_connect.driver.exceptions import Error
from msgspec import Struct

#: Parts that are named in a line; a table may have hundreds.
MOST_NAMED = 3
#: What brings the rows of a table back: `opecom replay` what is folded, the topic the rest.
_REPLAYED = ("scored_sessions", "page_tally_source")
_COUNTED = ("page_tally_changes", "page_tallies")
_READ_AGAIN = ("events", "dead_letters")
#: Tables whose count is always known, also where it is 0.
TABLES = (*_REPLAYED, *_COUNTED, *_READ_AGAIN)

# What somebody took out with DETACH has no reason, and `ignored` ones have their rows in another part.
_QUERY = """
SELECT table, name, path, bytes_on_disk FROM system.detached_parts
WHERE database = currentDatabase() AND (reason LIKE '%broken%' OR reason IN ('unexpected', 'noquorum'))
ORDER BY table, name
"""


class DetachedPart(Struct, frozen=True):
    """One of them: the table's name, its own, and the folder that holds what is left of it."""

    table: str
    name: str
    path: str
    size: int


def detached_parts(client: Any) -> list[DetachedPart]:
    """All of the client's database; raises the client's errors."""
    return [DetachedPart(*row) for row in client.query(_QUERY).result_rows]


def notice(client: Any, embedded: bool) -> str:
    """The account of what there is now, or why nobody can tell."""
    try:
        return account(detached_parts(client), embedded)
    except (Error, OSError) as error:
        return unseen(error)


def account(parts: list[DetachedPart], embedded: bool) -> str:
    """One line: what is missing of which tables, and what brings it back; empty where nothing is."""
    if not parts:
        return ""
    by_table: dict[str, list[DetachedPart]] = {}
    for part in parts:
        by_table.setdefault(part.table, []).append(part)
    missing = "; ".join(f"{table}: {_named(its)}" for table, its in by_table.items())
    remedies = dict.fromkeys(remedy for table in by_table if (remedy := _remedy(table, embedded)))
    return (
        f"ClickHouse set damaged parts aside, and their rows are missing ({missing}); {', '.join(remedies)}; "
        f"then delete these folders, such as {parts[0].path} (docs/operations.md#opecompartsdetached)"
    )


def unseen(error: BaseException) -> str:
    """One line where the parts cannot be looked at, such as for want of a right."""
    reason = str(error).partition("\n")[0][:200]
    return (
        f"nobody can tell whether ClickHouse set damaged parts aside ({reason}): "
        "GRANT SELECT ON system.detached_parts TO the user storage.clickhouse_user"
    )


def _named(parts: list[DetachedPart]) -> str:
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return ", ".join(part.name for part in parts[:MOST_NAMED]) + more


def _remedy(table: str, embedded: bool) -> str:
    """What brings back the rows of a table. Merged parts tell no time, so it is the whole of it."""
    if table in _REPLAYED:
        # The embedded broker's log is as old as the broker; the table `events` has the same records.
        source = " --source clickhouse" if embedded else ""
        return f"`opecom replay{source}` brings the scores of the present log back"
    if table in _COUNTED:
        return "`opecom pages refresh --whole` counts again"
    if table in _READ_AGAIN:
        return (
            f"a backup of the data folder has the records of {table}"
            if embedded
            else f"to set the writer's group back brings the records of {table} back"
        )
    return f"a backup has {table}"
