"""Takes sessions out of what pages are counted from, and out of the counts. Blocking."""

from collections.abc import Sequence
from typing import Any

from storage.write.clickhouse_sink import change, command, drop_changes, run_query

_TABLES = ("page_tally_source", "page_tallies")


def forget_counted(client: Any, keys: Sequence[tuple[str, str]]) -> None:
    """Forget the sessions of these keys (site, session_id) while `scored_sessions` still has them.

    1 what is counted from them · 2 the counts of their hours and days, which may name pages that only they have seen ·
    3 note the hours as changed, so that they are counted again. A crash anywhere is fixed by calling it again, as
    `scored_sessions` still says which hours they are. Raises DatabaseUnavailableError.
    """
    given: dict[str, Any] = {"keys": [f"{site}/{session_id}" for site, session_id in keys]}
    given |= {"of": sorted({site for site, _ in keys}), "ids": sorted({session_id for _, session_id in keys})}
    hours = run_query(client, _HOURS, given).result_rows
    if not hours:
        return
    change(client, ["page_tally_source"], [f"ALTER TABLE page_tally_source DELETE WHERE {_OF_KEYS}"], given)
    places = {"hours": [hour for hour, _ in hours], "of": [site for _, site in hours]}
    change(client, ["page_tallies"], [_DELETE_TALLIES], places)
    command(client, _NOTE, places)
    drop_changes(client, _TABLES)


_OF_KEYS = (
    "has({of:Array(String)}, site) AND has({ids:Array(String)}, session_id) "
    "AND has({keys:Array(String)}, concat(site, '/', session_id))"
)
_HOURS = f"""
SELECT DISTINCT toUInt32(intDiv(greatest(toUnixTimestamp64Milli(opened_at), 0), 3600000)) AS hour, site
FROM scored_sessions WHERE {_OF_KEYS} AND position(site, '~') = 0
"""  # noqa: S608  our own names
_PLACES = "arrayZip({hours:Array(UInt32)}, {of:Array(String)})"
_DELETE_TALLIES = (
    "ALTER TABLE page_tallies DELETE WHERE "
    f"(span = 'hour' AND has({_PLACES}, (start, toString(site)))) OR (span = 'day' AND has(arrayZip(arrayMap("
    "hour -> toUInt32(intDiv(hour, 24)), {hours:Array(UInt32)}), {of:Array(String)}), (start, toString(site))))"
)
_NOTE = f"""
INSERT INTO page_tally_changes
SELECT intDiv(each.1, 24), each.1, each.2, 1 FROM (SELECT arrayJoin({_PLACES}) AS each)
"""  # noqa: S608  our own names
