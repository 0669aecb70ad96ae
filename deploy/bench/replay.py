"""The log replayed: what `opecom replay` spends on an event, and whether its memory grows with the log.

A log of one simulated year is replayed by the command that users give, then the same log grown by more years. Start-up
cancels out: the figure is the events by which the logs differ over the CPU seconds by which the runs differ. Workers
would have passed the end of such a log and would have left their mark there; the mark is committed without them, as
without it the command folds the log twice, to find what is open at its end.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from deploy.bench.command import CommandCost, to_its_end
from deploy.bench.databases import databases
from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, scored_id
from deploy.bench.run import Run, environment
from deploy.bench.simulation import simulation
from deploy.bench.years import Given, Sizes, Years
from deploy.processes.interpreter import OPECOM
from ingest.events import UsePages, encode
from storage.replay.account import Account
from stream.fold.event_ids import event_id_bytes
from stream.fold.mark import Mark, encode_mark

#: Events of a year, and years of the long log.
YEAR, QUICK_YEAR = 200_000, 40_000
LONG = 10
LONGEST = 1_800.0
#: What is replayed beside the file of the figures, on a shorter log, as it takes many times as long.
OPTIONS = {"databases": ("--into", "databases"), "compared": ("--dry-run", "--diff")}
SPOKEN = {"file": "into a file", "databases": "into databases", "compared": "--dry-run --diff, where no row differs"}


class LengthPair(NamedTuple):
    """The same command on the short and on the long log, and how many events the long one has more."""

    short: CommandCost
    long: CommandCost
    more: int

    @property
    def rate(self) -> float:
        return self.more / (self.long.cpu_seconds - self.short.cpu_seconds)

    @property
    def growth_mb(self) -> float:
        return self.long.peak_mb - self.short.peak_mb

    @property
    def growth_ratio(self) -> float:
        return self.long.peak_mb / self.short.peak_mb

    def spoken(self, name: str) -> str:
        return (
            f"{name}: {self.more:,} events more took {self.long.cpu_seconds - self.short.cpu_seconds:.1f} CPU-s and "
            f"{self.long.seconds - self.short.seconds:.1f} s more, {self.rate:,.0f} events per CPU-s; peak memory "
            f"{self.short.peak_mb:.0f} MB, then {self.long.peak_mb:.0f} MB"
        )


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when the file is not what must come of the log."""
    base = simulation(data, QUICK_YEAR if quick else YEAR)
    years = Years(base)
    #: The length of the long log, by what is measured there.
    long = {"file": LONG} if quick else {"file": LONG, "databases": 2, "compared": 2}
    spent: dict[str, list[CommandCost]] = {way: [] for way in long}
    async with databases(run.settings) as settings, run.log("replay", settings) as log:
        version = await log.publish_pages(base.pages)
        filled = GrowingLog(log, years)
        await filled.announce(version)
        for until in sorted({1, *long.values()}):
            await filled.grow(until)
            for way in [way for way in long if until in (1, long[way])]:
                spent[way].append(
                    await (_into_file(run, filled) if way == "file" else _counted(run, filled, OPTIONS[way]))
                )
    pairs = {
        way: LengthPair(short, longer, (long[way] - 1) * years.sizes.events) for way, (short, longer) in spent.items()
    }
    figures = {
        "events_per_cpu_second": pairs["file"].rate,
        "rss_growth_mb": pairs["file"].growth_mb,
        "rss_growth_ratio": pairs["file"].growth_ratio,
    }
    return figures, [pair.spoken(SPOKEN[way]) for way, pair in pairs.items()]


class GrowingLog:
    """A log that grows by years, and the ids of its events, in the order in which a replay tells them."""

    def __init__(self, log: BenchLog, years: Years) -> None:
        self.log = log
        self._years = years
        self._grown = 0
        self._ids = [bytearray() for _ in range(log.settings.kafka.partitions)]

    @property
    def sizes(self) -> Sizes:
        """What the log holds."""
        return Sizes(*(self._grown * each for each in self._years.sizes))

    @property
    def ids(self) -> bytes:
        return b"".join(self._ids)

    async def announce(self, version: int) -> None:
        """Put a version of the page statistics in force."""
        for number in range(len(self._ids)):
            await self.log.fill(self.log.settings.kafka.events_topic, number, [(None, encode(UsePages(version)))])

    async def grow(self, years: int) -> None:
        """Let the log have so many years, and leave the mark of workers that have passed its end."""
        kafka, group = self.log.settings.kafka, self.log.settings.worker.group
        for year in range(self._grown, years):
            for number, records in enumerate(self._years.records(year, kafka.partitions)):
                await self.log.fill(kafka.events_topic, number, (self._noted(number, given) for given in records))
        self._grown = years
        ends = await self.log.ends(kafka.events_topic)
        marks = {number: (end, encode_mark(Mark(end, {}))) for number, end in enumerate(ends)}
        await self.log.commit(group, kafka.events_topic, marks)

    def _noted(self, number: int, given: Given) -> tuple[bytes | None, bytes]:
        key, value, event_id = given
        if event_id is not None:
            self._ids[number] += event_id_bytes(event_id)
        return key, value


async def _into_file(run: Run, filled: GrowingLog) -> CommandCost:
    file = run.folder / "scores.jsonl"
    spent = await _counted(run, filled, ("--into", str(file)))
    await asyncio.to_thread(check, file, filled)
    file.unlink()
    return spent


async def _counted(run: Run, filled: GrowingLog, options: Sequence[str]) -> CommandCost:
    """Replay the log and see that its account counts what must come of it."""
    command = (*OPECOM, "replay", "--source", "kafka", *options, "--json")
    spent = await to_its_end("replay", run.folder, command, environment(filled.log.settings), LONGEST)
    account = msgspec.json.decode(spent.output.splitlines()[-1], type=Account)
    events, sessions = filled.sizes
    tables = account.tables.values() if "--diff" in options else ()
    different = sum(table.changed + table.added + table.gone for table in tables)
    made = (account.records.get("scored", 0), account.sessions, account.updates, account.refused, different)
    if made != (events, sessions, events + sessions, 0, 0):
        raise BenchError(
            f"replay {' '.join(options)}: of {events:,} events and {sessions:,} sessions it published {made[0]:,} and "
            f"{made[1]:,} in {made[2]:,} updates, {made[3]} refused, {made[4]} rows differ: so there is no figure"
        )
    return spent


def check(file: Path, filled: GrowingLog) -> None:
    """Raise BenchError unless the file has every event once, in the log's order, and every session closed once."""
    found, closed = bytearray(), 0
    with file.open("rb") as lines:
        for line in lines:
            event_id = scored_id(line)
            if event_id is None:
                closed += 1
            else:
                found += event_id_bytes(event_id)
    if found != filled.ids or closed != filled.sizes.sessions:
        raise BenchError(
            f"replay: the file has {len(found) // 16:,} updates by events and {closed:,} closings, the log "
            f"{filled.sizes.events:,} events of {filled.sizes.sessions:,} sessions, or in another order: so there is "
            "no figure"
        )
