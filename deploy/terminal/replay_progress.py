"""A replay on the screen: in this process, or as a job of the process that holds the embedded databases."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import msgspec
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.audit_file import audited
from deploy.processes.data_folder import as_running
from deploy.processes.probes import get
from deploy.processes.programs import death_with
from deploy.settings.model import Settings
from deploy.terminal import replays as replay_tables
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, RefusedReadError, call_api
from deploy.wiring import replay as wiring
from deploy.wiring.folding import collect_rarely
from deploy.wiring.keys import admin_key
from deploy.wiring.storage import databases
from ingest.outage import reason_of
from scoring.shadow.report import ShadowReport
from storage.interventions.trial_report import TrialReport
from storage.replay.account import Account
from storage.replay.errors import ReplayError
from storage.replay.feature_differences import FeatureCheckReport
from storage.replay.jobs import Job, JobList, ReplayRequest
from storage.replay.journal import BackfillEntry, Journal
from storage.replay.request import ReplaySelection
from storage.replay.run import replay as run_replay
from stream.kafka.topic_follower import TopicMissingError

#: Seconds between two looks at a job.
LOOK = 0.3
#: The status of a job that the system does not know.
NOT_FOUND = 404
#: What a replay without a number is called, a dry run if nothing else.
_UNNUMBERED = {"features": "training set", "shadow": "shadow", "check": "check", "trial": "trial"}


class InterruptedReplayError(SetupError):
    """The replay ended before its end."""

    exit_code = 1


def replay(settings: Settings, request: ReplaySelection, anew: bool, jobs: int, as_json: bool) -> int:
    """Run the replay and show its account; the exit code. Raises SetupError."""
    account = replay_with_progress(settings, request, TerminalConsole(stderr=as_json), anew, jobs)
    if as_json:
        print_line(msgspec.json.encode(account).decode())
    return 0


def replay_with_progress(
    settings: Settings, request: ReplaySelection, console: TerminalConsole, anew: bool = False, jobs: int = 1
) -> Account:
    """Run the replay and show its account. Raises SetupError."""
    account = _run(as_running(settings), request, anew, jobs, console)
    replay_tables.print_account(console, account, request.diff)
    return account


def features(settings: Settings, request: ReplaySelection) -> int:
    """Make a training set and say what is in it; the exit code. Raises SetupError."""
    settings, console = as_running(settings), TerminalConsole()
    account = _run(settings, request, False, 1, console)
    rows = account.updates - account.sessions
    print_line(f"{rows:,} rows of {account.sessions:,} closed sessions in {request.target}")
    return 0


def shadow(settings: Settings, request: ReplaySelection, console: TerminalConsole) -> ShadowReport:
    """Compare a candidate with what is in force. Raises SetupError."""
    found = _run(as_running(settings), request, False, 1, console).shadow
    if found is None:
        raise SetupError("the running system is of an earlier version and makes no shadow: start it again")
    return found


def check(settings: Settings, request: ReplaySelection, console: TerminalConsole) -> FeatureCheckReport:
    """Compare stored features with those of the log. Raises SetupError."""
    found = _run(as_running(settings), request, False, 1, console).check
    if found is None:
        raise SetupError("the running system is of an earlier version and checks no features: start it again")
    return found


def trial(settings: Settings, request: ReplaySelection, console: TerminalConsole) -> TrialReport:
    """Try an intervention on the log. Raises SetupError."""
    found = _run(as_running(settings), request, False, 1, console).trial
    if found is None:
        raise SetupError("the running system is of an earlier version and tries no interventions: start it again")
    return found


def _run(settings: Settings, request: ReplaySelection, anew: bool, jobs: int, console: TerminalConsole) -> Account:
    with ReplayBar(console, _UNNUMBERED.get(request.into, "dry run")) as bar:
        if _held_elsewhere(settings):
            return _as_job(settings, request, anew, jobs, bar)
        return asyncio.run(_here(settings, request, anew, jobs, bar))


def listed(settings: Settings, as_json: bool) -> int:
    """Show the replays of this log, or the jobs of the running embedded system."""
    settings = as_running(settings)
    if _held_elsewhere(settings):
        body = _api(settings, "GET", "/replays")
        if as_json:
            print_line(body.decode())
        else:
            TerminalConsole().print(replay_tables.jobs_table(msgspec.json.decode(body, type=JobList).jobs))
        return 0
    entries = asyncio.run(_entries(settings))
    if as_json:
        print_line(msgspec.json.encode(entries).decode())
    else:
        TerminalConsole().print(replay_tables.replays_table(entries))
    return 0


class ReplayBar:
    """How far a replay is, with an estimate of what is left; a Watcher."""

    def __init__(self, console: TerminalConsole, unnumbered: str = "dry run") -> None:
        self._console = console
        self._unnumbered = unnumbered
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("planning", total=None, rate="")
        self._begun, self._done, self._here = time.monotonic(), 0, 0

    def __enter__(self) -> "ReplayBar":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def planned(self, number: int, records: int, done: int) -> None:
        self._begun, self._done, self._here = time.monotonic(), done, 0
        name = f"replay {number}" if number else self._unnumbered
        self._progress.update(self._task, description=name, total=records, completed=done)

    def moved(self, done: int) -> None:
        self._done += done
        self._here += done
        rate = self._here / max(time.monotonic() - self._begun, 0.001)
        self._progress.update(self._task, completed=self._done, rate=f"{rate:,.0f} events/s")

    def report(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _held_elsewhere(settings: Settings) -> bool:
    """Whether a running process holds the databases: the embedded ones always, a folder of chDB where it answers."""
    alone = settings.profile == "services" and not settings.storage.clickhouse_host
    return settings.profile == "embedded" or (alone and get(QueryApi.of(settings).address, "/readyz")[0] in (200, 503))


async def _here(settings: Settings, request: ReplaySelection, anew: bool, jobs: int, bar: ReplayBar) -> Account:
    """The replay in this process, and in more where `jobs` says so."""
    elsewhere = (
        partial(_in_processes, settings, jobs)
        if jobs > 1 and request.into not in ("nothing", "features", "shadow", "check", "trial")
        else None
    )
    try:
        with audited(settings, "replay", request.site, f"into {request.into}"):
            async with databases(settings) as opened, wiring.world(settings, opened, request) as built:
                return await run_replay(built, request, bar, anew=anew, elsewhere=elsewhere)
    except (ReplayError, KafkaError, TopicMissingError) as error:
        raise InterruptedReplayError(str(error)) from error


async def _in_processes(settings: Settings, jobs: int, number: int, partitions: Sequence[int]) -> None:
    """Tell the partitions in several processes; the first failure ends the replay, which goes on later."""
    shares = [share for share in (list(partitions[each::jobs]) for each in range(jobs)) if share]
    loop = asyncio.get_running_loop()
    # They end with this process: one that went on would tell beside whoever goes on with the replay.
    with ProcessPoolExecutor(len(shares), get_context("spawn"), end_with, (os.getpid(),)) as pool:
        running = [loop.run_in_executor(pool, write_share, settings, number, share) for share in shares]
        try:
            failures = await asyncio.gather(*running)
        except BrokenExecutor as error:
            raise ReplayError(
                "a process of --jobs was killed, for want of memory perhaps: the same command goes on where it stopped"
            ) from error
    if any(failures):
        raise ReplayError(next(filter(None, failures)))


def end_with(parent: int) -> None:
    """Tie this process to its parent's life."""
    follow = death_with(parent)
    if follow is not None:
        follow()


def write_share(settings: Settings, number: int, partitions: list[int]) -> str:
    """What a process of its own does; an empty line, or why it could not."""
    collect_rarely()
    try:
        asyncio.run(wiring.part(settings, number, partitions))
    except (ReplayError, SetupError, KafkaError, TopicMissingError) as error:
        return reason_of(error)
    return ""


def _as_job(settings: Settings, request: ReplaySelection, anew: bool, jobs: int, bar: ReplayBar) -> Account:
    """The replay as a job of the running system, which alone may open the embedded databases."""
    if jobs > 1:
        bar.report("--jobs: one process holds the databases here, so one process replays")
    job = _started(settings, request, anew)
    reported, moved, planned = 0, 0, False
    try:
        while True:
            if job.records and not planned:
                bar.planned(job.number, job.records, job.done)
                planned, moved = True, job.done
            for line in job.remarks[reported:]:
                bar.report(line)
            reported = len(job.remarks)
            if planned:
                bar.moved(job.done - moved)
                moved = job.done
            if job.state != "running":
                break
            time.sleep(LOOK)
            try:
                job = msgspec.json.decode(_api(settings, "GET", f"/replays/{job.id}"), type=Job)
            except RefusedReadError as error:
                if error.status != NOT_FOUND:
                    raise
                # The system was started again meanwhile, and knows no job of before: what has a number goes on.
                job = _started(settings, request, False)
                reported, moved, planned = 0, 0, False
    except KeyboardInterrupt:
        _api(settings, "DELETE", f"/replays/{job.id}")
        raise InterruptedReplayError("stopped; the same command goes on where it stopped") from None
    if job.state != "done" or job.account is None:
        raise InterruptedReplayError(job.failure)
    if request.into in ("file", "features"):
        made = settings.data_dir / "replays" / Path(request.target).name
        with contextlib.suppress(shutil.SameFileError):
            shutil.move(made, request.target)
    return job.account


def _started(settings: Settings, request: ReplaySelection, anew: bool) -> Job:
    body = msgspec.json.encode(ReplayRequest(request, anew))
    return msgspec.json.decode(_api(settings, "POST", "/replays", body), type=Job)


def _api(settings: Settings, method: str, path: str, body: bytes | None = None) -> bytes:
    return call_api(QueryApi.of(settings), method, path, body, admin_key(settings))


async def _entries(settings: Settings) -> list[BackfillEntry]:
    async with databases(settings) as opened:
        return Journal(opened.engine, await topics.log_id(kafka_clients(settings.kafka))).entries()
