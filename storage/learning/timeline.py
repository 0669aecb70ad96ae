"""Rows to learn from: the timeline in ClickHouse, of all logs, the newest backfill of each record.

Blocking. Rows come in slices of the sessions' opening, so that memory does not grow with the table. A session counts
with its log: it closes in the one in which it opened.
"""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Engine, select

from scoring.contracts import SESSION
from scoring.features import MONTH_CODES, NAMES, VISITOR_CODES
from scoring.learning.rows import LearningRows
from scoring.signals import DEVICE_CODES, PAGE_TYPE_CODES, RATES
from storage.database.engine import reached
from storage.database.errors import DatabaseUnavailableError
from storage.database.orders import counted_revenue
from storage.database.tables import sessions
from storage.learning.source import RowSelection, SelectedRows, decoded
from storage.write.clickhouse_sink import run_query

#: Rows of one slice, if no hour has more. While a slice is read, chDB answers nobody else.
SLICE_ROWS = 40_000
HOUR_MS = 3_600_000


class TimelineRows:
    """The table `scored_sessions`; `client` is a clickhouse_connect client."""

    def __init__(self, client: Any, engine: Engine) -> None:
        self._client = client
        self._engine = engine

    def read(self, selection: RowSelection) -> SelectedRows:
        """See RowSource."""
        return SelectedRows(self.versions(selection), self.blocks(selection))

    def blocks(self, selection: RowSelection) -> Iterator[LearningRows]:
        """In the order of the sessions' opening. Raises DatabaseUnavailableError."""
        return map(decoded, self.slices(selection))

    def slices(self, selection: RowSelection) -> Iterator[bytes]:
        """The same as they are sent, see `decoded`; one query each. Raises DatabaseUnavailableError."""
        repeated = repeated_orders(self._engine, selection)
        for since, until in self._slices(selection):
            yield self._slice(selection._replace(since=since, until=until), repeated)

    def versions(self, selection: RowSelection) -> list[str]:
        """The models whose scores are stored of these rows, that of the most rows first."""
        query = (
            f"SELECT model_version, count() AS many {_FROM} AND NOT closed GROUP BY model_version ORDER BY many DESC"
        )
        return [version for version, _ in run_query(self._client, query, _given(selection)).result_rows]

    def _slices(self, selection: RowSelection) -> Iterator[tuple[int, int]]:
        """Whole hours with about SLICE_ROWS rows, ascending."""
        hours = run_query(self._client, _HOURS, _given(selection)).result_rows
        first, count = selection.since, 0
        for hour, many in hours:
            begins = max(int(hour) * HOUR_MS, selection.since)
            if count and count + many > SLICE_ROWS:
                yield first, begins
                first, count = begins, 0
            count += many
        if count:
            yield first, selection.until

    def _slice(self, selection: RowSelection, repeated: Collection[tuple[str, str, int]]) -> bytes:
        given = _given(selection)
        of_slice = [each for each in repeated if selection.since <= each[2] < selection.until]
        # Orders of these sessions count in another one: they have not bought.
        given["repeated"] = [f"{site}/{session_id}/{opened_at}" for site, session_id, opened_at in of_slice]
        try:
            return bytes(self._client.raw_query(_ROWS, parameters=given, fmt="RowBinary"))
        except Exception as error:  # drivers share no base class
            raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error


def repeated_orders(engine: Engine, selection: RowSelection) -> list[tuple[str, str, int]]:
    """The sessions whose orders all came in another session first, by the relational tables."""
    t = sessions.c
    query = select(t.site, t.session_id, t.opened_at).where(
        t.revenue, counted_revenue == 0, t.opened_at >= selection.since, t.opened_at < selection.until
    )
    is_site = t.site == selection.site
    if selection.imports:
        is_site = is_site | t.site.startswith(f"{selection.site}~", autoescape=True)
    with reached(), engine.connect() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query.where(is_site))]


def _given(selection: RowSelection) -> dict[str, Any]:
    return {**selection._asdict(), "prefix": f"{selection.site}~"}


def _column(name: str) -> str:
    """A column of contract 2 as a float, NaN where it is unknown."""
    codes: dict[str, dict[str, float]] = {
        "Month": {str(key): float(code) for key, code in MONTH_CODES.items()},
        "VisitorType": {str(key): float(code) for key, code in VISITOR_CODES.items()},
        "last_page_type": {str(key): code for key, code in PAGE_TYPE_CODES.items()},
        "device_class": {str(key): code for key, code in DEVICE_CODES.items()},
    }
    if name in codes:
        texts = ", ".join(f"'{key}'" for key in codes[name])
        numbers = ", ".join(f"{code:g}" for code in codes[name].values())
        value = f"transform(ifNull(toString({name}), ''), [{texts}], [{numbers}], nan)"
    else:
        value = f"ifNull(toFloat64({name}), nan)"
    if name in NAMES[RATES]:
        value = f"if(ifNull(has_page_statistics, 0), {value}, nan)"
    return f"toFloat32({value})"


_FROM = """FROM scored_sessions FINAL
WHERE opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND opened_at < fromUnixTimestamp64Milli({until:Int64})
  AND (site = {site:String} OR ({imports:Bool} AND startsWith(site, {prefix:String}))) AND NOT void
"""
_HOURS = (
    "SELECT intDiv(toUnixTimestamp64Milli(opened_at), 3600000) AS hour, count() AS many "
    f"{_FROM} AND NOT closed AND NOT revenue GROUP BY hour ORDER BY hour"
)
_IDENTITY = "site, session_id, opened_at, log"
_KEY = "concat(site, '/', session_id, '/', toString(toUnixTimestamp64Milli(opened_at)))"
_COLUMNS = ", ".join(f"{_column(name)} AS f{place}" for place, name in enumerate(SESSION.names))
_ROWS = f"""
WITH outcomes AS (
    SELECT {_IDENTITY}, argMax(revenue, version) AND NOT has({{repeated:Array(String)}}, {_KEY}) AS bought
    FROM (SELECT {_IDENTITY}, version, revenue, bot {_FROM} AND closed)
    GROUP BY {_IDENTITY}
    HAVING {{bots:Bool}} OR NOT argMax(bot, version)
)
SELECT sipHash64(site, session_id, toUnixTimestamp64Milli(opened_at), log) AS session,
       toUnixTimestamp64Milli(opened_at) AS opened, toUInt32(event_count) AS number, toUInt8(bought) AS buys,
       toFloat64(probability) AS live, {_COLUMNS}
FROM (SELECT * {_FROM} AND NOT closed) AS s INNER JOIN outcomes USING ({_IDENTITY})
WHERE NOT (s.revenue AND bought)
ORDER BY opened, session, offset
"""  # noqa: S608  our names
