"""The log as ClickHouse keeps it: a source of records that outlives Kafka's retention, and its index by time."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec import Struct

from ingest.events import (
    CLOCK_TOLERANCE_MS,
    LIVE_CLOCK,
    Tick,
    UndecodableError,
    UseExperiments,
    UseModel,
    UsePages,
    decode,
    encode,
)
from storage.database.threads import in_thread
from storage.write.clickhouse_sink import run_query
from stream.fold.models_in_force import ModelsInForce
from stream.fold.partition import LogRecord
from stream.kafka.source import PIECE, Bounds, SourceError

#: Offsets of the log in which a site's events are looked for at a time.
SITE_PIECE = 20_000


class StoredRecord(Struct, frozen=True, gc=False):
    """A record of the `events` table; timestamp in ms."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class ControlsInForce(Struct, frozen=True):
    """What controls put in force: models, versions of page statistics and of experiments.

    `refused_experiments`: between which versions experiments with models began that live workers refused.
    """

    models: ModelsInForce
    pages: int = 0
    experiments: int = 0
    refused_experiments: tuple[tuple[int, int], ...] = ()


class StoredLog:
    """The `events` table of one log; `client` is a clickhouse_connect client that serves threads."""

    name = "clickhouse"

    def __init__(self, client: Any, log: str) -> None:
        self._client = client
        self._log = log

    async def bounds(self, partition: int) -> Bounds:
        """Raises SourceError where records between the first and the last are missing."""
        first, end, count = await in_thread(self.extent, partition)
        if count != end - first:
            raise SourceError(
                f"ClickHouse lacks {end - first - count:,} of {end - first:,} records of partition {partition}: wait "
                "for the writer, or take --source kafka"
            )
        return Bounds(first, end)

    async def read(self, partition: int, offset: int, end: int) -> AsyncIterator[Sequence[LogRecord]]:
        while offset < end:
            until = min(offset + PIECE, end)
            rows = await in_thread(self._run_query, _RECORDS, partition, first=offset, end=until)
            records = _unrepeated(rows, offset)
            if len(records) != until - offset:
                raise SourceError(
                    f"ClickHouse lacks records of partition {partition} between {offset} and {until}: take "
                    "--source kafka, or a later --from"
                )
            yield records
            offset = until

    async def read_site(self, partition: int, offset: int, end: int, site: str) -> AsyncIterator[Sequence[LogRecord]]:
        """The controls and the events of one site with its runs; for live events of other sites, ticks."""
        clock = 0
        while offset < end:
            until = min(offset + SITE_PIECE, end)
            own = await in_thread(self._of_site, _OF_SITE, partition, offset, until, site)
            others = await in_thread(self._of_site, _CLOCK_OF_OTHERS, partition, offset, until, site)
            records = {int(row[0]): StoredRecord(*row) for row in own}
            for at, now in others:
                if now > clock:
                    clock = int(now)
                    records[int(at)] = StoredRecord(int(at), -1, None, encode(Tick(LIVE_CLOCK, clock)))
            if records:
                yield [records[at] for at in sorted(records)]
            offset = until

    def _of_site(self, query: str, partition: int, first: int, end: int, site: str) -> Sequence[Sequence[Any]]:
        return self._run_query(query, partition, first=first, end=end, site=site, runs=f"{site}~")

    def extent(self, partition: int) -> tuple[int, int, int]:
        """The first offset that is kept, the one after the last, and how many there are; all 0 where none is."""
        ((first, end, count),) = self._run_query(_EXTENT, partition)
        return (int(first), int(end), int(count)) if count else (0, 0, 0)

    def first_received_since(self, partition: int, at: int) -> int | None:
        """The first offset of an event received at `at` (ms) or later; None where there is none."""
        return self._found(_FIRST_SINCE, partition, at)

    def last_received_before(self, partition: int, at: int) -> int | None:
        """The last offset of an event received before `at` (ms); None where there is none."""
        return self._found(_LAST_BEFORE, partition, at)

    def in_force(self, partition: int, offset: int) -> ControlsInForce:
        """What the controls before `offset` put in force."""
        models, pages, experiments = ModelsInForce(), 0, 0
        without: list[tuple[int, int]] = []
        refused = self.refused(partition)
        for at, raw in self._run_query(_CONTROLS, partition, first=offset):
            try:
                content = decode(None, raw)
            except UndecodableError:
                continue
            if isinstance(content, UseModel) and at not in refused:
                models.apply(content)
            elif isinstance(content, UsePages):
                pages = max(pages, content.version)
            elif isinstance(content, UseExperiments):
                if at in refused:
                    without.append((experiments, content.version))
                experiments = max(experiments, content.version)
        return ControlsInForce(models, pages, experiments, tuple(without))

    def clocks(self, partition: int, offset: int) -> dict[str, int]:
        """The clocks of imported sites as the records before `offset` leave them, the one that began first first."""
        return {bytes(name).decode(): int(now) for name, now in self._run_query(_CLOCKS, partition, first=offset)}

    def refused(self, partition: int) -> dict[int, str]:
        """The controls that live workers refused, and why, by offset."""
        return {int(offset): bytes(why).decode() for offset, why in self._run_query(_REFUSED, partition)}

    def _found(self, query: str, partition: int, at: int) -> int | None:
        ((offset, count),) = self._run_query(query, partition, at=at)
        return int(offset) if count else None

    def _run_query(self, query: str, partition: int, **given: int | str) -> Sequence[Sequence[Any]]:
        parameters = {"log": self._log, "partition": partition, **given}
        rows: Sequence[Sequence[Any]] = run_query(
            self._client, query, parameters, query_formats={"String": "bytes"}
        ).result_rows
        return rows


def _unrepeated(rows: Sequence[Sequence[Any]], offset: int) -> list[LogRecord]:
    """The rows as records; one that was written twice and not merged yet comes once."""
    records: list[LogRecord] = []
    for row in rows:
        if row[0] == offset + len(records):
            records.append(StoredRecord(*row))
    return records


_PLACE = "FROM events WHERE log = {log:String} AND partition = {partition:UInt32}"
_EXTENT = f"SELECT min(offset), max(offset) + 1, uniqExact(offset) {_PLACE}"
# Controls have no key. That of an event which is being erased is empty before it is null.
_RECORDS = (
    f"SELECT offset, toUnixTimestamp64Milli(appended_at), if(kind = 'control', NULL, key), raw {_PLACE} "
    "AND offset >= {first:UInt64} AND offset < {end:UInt64} ORDER BY offset"
)
_SITE = "(ifNull(site, '') = {site:String} OR startsWith(ifNull(site, ''), {runs:String}))"
_RANGE = "AND offset >= {first:UInt64} AND offset < {end:UInt64}"
_OF_SITE = (
    f"SELECT offset, toUnixTimestamp64Milli(appended_at), key, raw {_PLACE} {_RANGE} "
    f"AND (kind = 'control' OR {_SITE}) ORDER BY offset LIMIT 1 BY offset"
)
# The greatest of each run of events between two of the site would do; ClickHouse gives where the clock moves in all.
_CLOCK_OF_OTHERS = (
    "SELECT offset, now FROM ("  # noqa: S608  our names
    "SELECT offset, now, max(now) OVER (ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
    "FROM (SELECT offset, toUnixTimestamp64Milli(assumeNotNull(received_at)) AS at, "
    f"toUnixTimestamp64Milli(appended_at) AS appended, "
    f"if(appended > 0 AND at > appended + {CLOCK_TOLERANCE_MS}, appended, at) AS now "
    f"{_PLACE} {_RANGE} AND kind = 'event' AND NOT {_SITE} AND position(raw, '\"clock\":\"replayed\"') = 0 "
    "AND match(replaceAll(ifNull(event_id, ''), '-', ''), '^[0-9a-fA-F]{32}$'))) WHERE now > before ORDER BY offset"
)
_AT = "fromUnixTimestamp64Milli({at:Int64}, 'UTC')"
# An event of a clock that ran ahead was received when it was appended; of history both are in order.
_FIRST_SINCE = f"SELECT min(offset), count() {_PLACE} AND received_at >= {_AT}"
_LAST_BEFORE = f"SELECT max(offset), count() {_PLACE} AND least(received_at, appended_at) < {_AT}"
_CONTROLS = (
    f"SELECT offset, raw {_PLACE} AND offset < {{first:UInt64}} AND kind = 'control' "
    "AND type IN ('model', 'pages', 'experiments') ORDER BY offset"
)
# An event of a live site does not name its clock.
_CLOCKS = (
    "SELECT name, max(at) FROM ("  # noqa: S608  our names
    f"SELECT offset, ifNull(site, '') AS name, toUnixTimestamp64Milli(assumeNotNull(received_at)) AS at {_PLACE} "
    "AND offset < {first:UInt64} AND kind = 'event' AND position(raw, '\"clock\":\"replayed\"') > 0 "
    "UNION ALL "
    f"SELECT offset, JSONExtractString(raw, 'clock') AS name, JSONExtractInt(raw, 'to') AS at {_PLACE} "
    "AND offset < {first:UInt64} AND kind = 'control' AND type = 'tick'"
    ") WHERE name != 'live' GROUP BY name ORDER BY min(offset)"
)
# Controls have no key.
_REFUSED = (
    "SELECT offset, detail FROM dead_letters WHERE log = {log:String} AND topic = 'events' "
    "AND partition = {partition:UInt32} AND reason = 'failed' AND key IS NULL"
)
