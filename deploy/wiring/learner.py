"""Runs the learner: sleeps, and at each look starts a process that does the work and ends.

This process stays small: what learns, and the clients of Kafka and of databases, are loaded in the other one.
"""

import asyncio
import contextlib
import logging
import os
import time
from asyncio.subprocess import Process

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from deploy.http.status import create_status_app, serving
from deploy.learner.libraries import missing_line
from deploy.processes.interpreter import OPECOM
from deploy.processes.programs import death_with
from deploy.settings.model import Settings
from deploy.wiring.process_metrics import add_process_metrics

log = logging.getLogger(__name__)

#: Seconds until the first look, so that a start is over by then, and between two looks.
FIRST_LOOK, LOOK = 120.0, 3_600.0
#: Seconds that a look has to end after a signal; it goes on where it was stopped.
STOP_SECONDS = 5.0
LOOK_ARGUMENTS = ("run", "learner", "--once")
RESULTS = ("done", "again", "failed")


class LearnerMetrics:
    """What the part `learner` reports of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.looks = Counter(
            "opecom_learner_looks_total",
            "Looks at all sites, by result: done; again, as something was away; failed.",
            ["result"],
            registry=registry,
        )
        for result in RESULTS:
            self.looks.labels(result)
        self.last = Gauge(
            "opecom_learner_last_look_timestamp_seconds", "When a look was last done, Unix time.", registry=registry
        )
        self.runs = Counter(
            "opecom_learner_runs_total",
            "Runs that came to a step: watching (promoted), refused, proposed, rolled_back, waiting, kept and others.",
            ["step"],
            registry=registry,
        )
        self.sites = Gauge(
            "opecom_learner_site_state",
            "1 for the step of each site's newest run.",
            ["site", "step"],
            registry=registry,
        )


class LearnerPart:
    """The looks, and what the last one found."""

    def __init__(self, metrics: LearnerMetrics) -> None:
        self._metrics = metrics
        self.notice = ""

    async def look(self, stop: asyncio.Event) -> None:
        """One look in a process of its own; ended with this one."""
        child = await asyncio.create_subprocess_exec(
            *OPECOM,
            *LOOK_ARGUMENTS,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=death_with(os.getpid()),
        )
        output = await _output(child, stop)
        if output is not None:
            self.take(child.returncode or 0, output)

    def take(self, code: int, output: bytes) -> None:
        """Count what a look has found, by its exit code and its output."""
        result = {0: "done", 70: "again"}.get(code, "failed")
        self._metrics.looks.labels(result).inc()
        self.notice = "" if result == "done" else f"the last look ended with code {code}: see the log"
        lines = output.splitlines()
        if not lines:
            return
        try:
            found = msgspec.json.decode(lines[-1])
            sites, steps, delayed = found["sites"], found["steps"], found["delayed"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return
        self._metrics.last.set(time.time())
        self._metrics.sites.clear()
        for site in sites:
            self._metrics.sites.labels(site["site"], site["step"]).set(1)
        for step, count in steps.items():
            self._metrics.runs.labels(step).inc(count)
        if delayed:
            self.notice = f"later: {delayed[0]}"


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Look until `stop`; always 0, as a look that fails is repeated. Raises PortTakenError."""
    registry = CollectorRegistry()
    add_process_metrics(registry, "learner")
    part, missing = LearnerPart(LearnerMetrics(registry)), missing_line()
    if missing:
        log.warning(missing)
    app = create_status_app(registry, lambda: True, "", notice=lambda: missing or part.notice)
    async with serving(app, settings.learning.metrics_host, settings.learning.metrics_port):
        pause = FIRST_LOOK
        while not await _stopped(stop, pause):
            if not missing and settings.learning.promotion != "off":
                await part.look(stop)
            pause = LOOK
    return 0


async def _output(child: Process, stop: asyncio.Event) -> bytes | None:
    """What the child wrote until its end; None where it had to be stopped."""
    reading, stopping = asyncio.create_task(child.communicate()), asyncio.create_task(stop.wait())
    await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if reading.done():
        return reading.result()[0]
    child.terminate()
    await asyncio.wait({reading}, timeout=STOP_SECONDS)
    if not reading.done():
        child.kill()
    await reading
    return None


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
