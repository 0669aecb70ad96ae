"""An embedded system that is killed whole and started again, and what its databases must hold in the end."""

import contextlib
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.chaos.recomputed import differences, refolded, stored
from deploy.local.log_folder import LogFolder
from deploy.log.topic_copy import TopicCopy
from deploy.processes.data_folder import log_folder
from deploy.processes.ports import wait_until
from deploy.processes.probes import is_ready
from deploy.wiring.storage import databases
from ingest.events import Event, UndecodableError, decode
from storage.replay.stored_log import StoredLog
from stream.experiments.history import Experiments
from stream.fold.pages import PageStatistics
from tests.support.forked import Opecom
from tests.support.stack import READY_SECONDS, Stack

#: Seconds without a change of the databases after which nothing more is on its way.
SETTLED_SECONDS = 8.0


@dataclass(frozen=True)
class LoggedRecord:
    """A record of the log with its partition."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class RestartedSystem:
    """`opecom up` on the data folder of this stack, one process after the other."""

    def __init__(self, stack: Stack, parts_forked: bool = True) -> None:
        """`parts_forked`: see tests/support/forked.py; without, the memory of each part is its own."""
        self.stack = stack
        self._parts_forked = parts_forked
        self._process: Opecom | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The process of `opecom up`; None where it does not run."""
        return None if self._process is None else self._process.pid

    @property
    def output(self) -> str:
        """What the last start has printed."""
        return self._file.read_text()

    @property
    def _file(self) -> Path:
        return self.stack.folder / f"up-{self._starts}.log"

    def start(self) -> None:
        """Start, and return when events are taken and scores are given."""
        self._starts += 1
        self._file.write_bytes(b"")
        self._process = Opecom(
            ["up"], self.stack.environment, self._file, own_session=True, parts_forked=self._parts_forked
        )
        until = time.monotonic() + READY_SECONDS
        while not (is_ready(self.stack.ingest) and is_ready(self.stack.api)):
            assert self._process.poll() is None, self.output
            assert time.monotonic() < until, f"not ready within {READY_SECONDS:.0f} s:\n{self.output}"
            time.sleep(0.1)

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(90)
        self._process = None

    def kill(self) -> None:
        """kill -9 of everything at once: supervisor, broker, parts."""
        assert self._process is not None
        supervisor = psutil.Process(self._process.pid)
        everything = [supervisor, *supervisor.children(recursive=True)]
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(30)
        psutil.wait_procs(everything, timeout=30)
        self._process = None

    @contextlib.contextmanager
    def ended(self) -> Iterator[None]:
        """See that nothing is left running."""
        try:
            yield
        finally:
            if self._process is not None:
                self.kill()

    def wait_stored(self, count: int, seconds: float = 90) -> None:
        """Until the copy of the log on the disk has so many events, and the rows count them.

        The copy may be whole while the worker still recovers what it will score.
        """
        folder = LogFolder(log_folder(self.stack.folder / "data"))

        def found() -> tuple[int, int]:
            return sum(each.events for each in folder.checkpoint().values()), self.counted()

        assert wait_until(lambda: min(found()) >= count, seconds), (
            f"of {count} events so many are stored, and counted: {found()}\n{self.output}"
        )

    def settle(self, count: int, seconds: float = 120) -> None:
        """Until the rows count so many events and for some seconds no others, and all of the log is stored."""
        until, since, last = time.monotonic() + seconds, time.monotonic(), (0, 0)
        folder = LogFolder(log_folder(self.stack.folder / "data"))
        while time.monotonic() < until:
            now = self.counted(), sum(each.events for each in folder.checkpoint().values())
            if now != last:
                last, since = now, time.monotonic()
            if now[0] >= count and time.monotonic() - since > SETTLED_SECONDS:
                return
            time.sleep(0.5)
        raise AssertionError(f"{last[0]} of {count} events are counted, {last[1]} records stored:\n{self.output}")

    def counted(self) -> int:
        """How many events the rows of sessions count."""
        path = self.stack.folder / "data/opecom.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=90)) as connection:
            found = connection.execute("SELECT coalesce(sum(event_count), 0) FROM sessions WHERE status <> 'void'")
            return int(found.fetchone()[0])

    def closed(self, site: str) -> int:
        """How many sessions of the site are closed."""
        path = self.stack.folder / "data/opecom.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=90)) as connection:
            query = "SELECT count(*) FROM sessions WHERE site = ? AND status = 'closed'"
            return int(connection.execute(query, (site,)).fetchone()[0])

    def identities(self) -> dict[str, list[tuple[int, str]]]:
        """Openings and logs of each session's rows."""
        path, found = self.stack.folder / "data/opecom.sqlite", dict[str, list[tuple[int, str]]]()
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=90)) as connection:
            for session, opened_at, log in connection.execute("SELECT session_id, opened_at, log FROM sessions"):
                found.setdefault(session, []).append((opened_at, log))
        return found


async def check_stored(stack: Stack, accepted: set[str]) -> str:
    """Assert that the databases of a system that has ended have each accepted event once, as a fold of their log gives.

    Returns one line of figures.
    """
    settings = stack.settings
    statistics, experiments = PageStatistics(), Experiments()
    for known, topic in ((statistics, settings.kafka.pages_topic), (experiments, settings.kafka.experiments_topic)):
        for record in TopicCopy(log_folder(settings.data_dir) / topic).records():
            known.take(record.offset, record.value)
    async with databases(settings) as opened:
        ((name, count),) = opened.client.query("SELECT any(log), uniqExact(log) FROM events").result_rows
        assert count == 1, "the log did not go on"
        log, records = StoredLog(opened.client, name), list[LoggedRecord]()
        for number in range(settings.kafka.partitions):
            start, end = await log.bounds(number)
            async for some in log.read(number, start, end):
                records += [LoggedRecord(number, each.offset, each.timestamp, each.key, each.value) for each in some]
        events = _events(records)
        lost = accepted - events
        assert not lost, f"{len(lost)} of {len(accepted)} accepted events are not in the log"
        expected = refolded(settings, records, statistics, name, experiments=experiments)
        found = stored(opened.engine, opened.client)
        letters = opened.client.query("SELECT partition, offset FROM dead_letters FINAL WHERE topic = 'events'")
        assert {tuple(row) for row in letters.result_rows} == expected.dead.keys()
    wrong = differences(expected.tables, found)
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:20]])
    scored = sum(row["event_count"] for row in found["sessions"].values())
    assert scored == expected.events["scored"]
    return (
        f"{len(accepted)} accepted, {len(records)} records, {len(found['sessions'])} sessions, {scored} counted: "
        f"{expected.events}"
    )


def _events(records: list[LoggedRecord]) -> set[str]:
    found = set()
    for record in records:
        with contextlib.suppress(UndecodableError):
            content = decode(record.key, record.value)
            if isinstance(content, Event):
                found.add(content.event_id)
    return found
