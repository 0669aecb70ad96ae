"""Runs the processes of `opecom up`: the lives of a broker in memory one after the other, and the parts on it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.errors import AwayError, SetupError
from deploy.local.broker_memory import wait_full
from deploy.processes.probes import ProbeAddress
from deploy.processes.supervise import PATIENCE, Child, Supervisor, exit_text, remedy

#: Without a broker there is nothing to drain; the parts get so many seconds then.
ORPHANED = 3.0
#: Times in a row that the broker may fail before it was ready.
ATTEMPTS = 5
READY_WITHIN = 30.0


async def at_once() -> None:
    """Nothing to wait for."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What runs.

    `broker` makes the child again for each start: in memory, it is a new one each time. It may block, and the child
    must be ready within `ready_within` seconds. `parts` start again with it, `lasting` run on from one broker to the
    next. A broker that holds `most_bytes` of memory makes room for a new one, once `drain` has returned; 0: never.
    """

    parts: tuple[Child, ...]
    prepare: Callable[[Supervisor], Awaitable[None]]
    broker: Callable[[], Child] | None = None
    addresses: Mapping[str, ProbeAddress] = field(default_factory=dict)
    console: ProbeAddress | None = None
    lasting: tuple[Child, ...] = ()
    ready_within: float = READY_WITHIN
    most_bytes: int = 0
    drain: Callable[[], Coroutine[Any, Any, None]] = at_once

    @property
    def children(self) -> tuple[Child, ...]:
        """All that run on a broker."""
        return (*self.lasting, *self.parts)


async def run(plan: LaunchPlan, supervisor: Supervisor, stop: asyncio.Event, notify: Callable[[str], None]) -> None:
    """Runs the plan until `stop`; when the broker ends, all but `lasting` starts again. Raises SetupError."""
    if plan.broker is None:
        await plan.prepare(supervisor)
        await supervisor.keep(plan.parts, stop)
        return
    failures = 0
    lasting = LastingParts(plan.lasting, supervisor)
    try:
        while not stop.is_set():
            life = await _one_life(plan, await asyncio.to_thread(plan.broker), supervisor, lasting, stop)
            if stop.is_set():
                return
            failures = 0 if life.was_ready else failures + 1
            if life.is_full:
                notify(f"the broker holds {plan.most_bytes >> 20} MB (kafka.broker_megabytes): a new one takes over")
                continue
            if failures == ATTEMPTS:
                raise SetupError(f"the broker does not start ({life.end})")
            notify(f"the broker ended ({life.end}); everything starts again, and its log goes on")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(failures):
                    await stop.wait()
    finally:
        await lasting.end()


class LastingParts:
    """Parts that one broker after the other finds running."""

    def __init__(self, parts: Sequence[Child], supervisor: Supervisor) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[None]:
        """Start them, unless they run. The task ends before `end` where one cannot run at all: SetupError."""
        if self._running is None:
            self._running = asyncio.create_task(self._keep())
        return self._running

    async def end(self) -> None:
        """Stop them; raises SetupError where one of them could not run. Safe to call twice."""
        self._stop.set()
        if self._running is not None:
            await self._running

    async def _keep(self) -> None:
        if self._parts:
            await self._supervisor.keep(self._parts, self._stop)
        else:
            await self._stop.wait()


@dataclass(frozen=True, slots=True)
class BrokerLife:
    """How a life of the broker went: whether it was ready, whether it held too much, and how it ended."""

    was_ready: bool
    is_full: bool
    end: str


async def _one_life(
    plan: LaunchPlan, child: Child, supervisor: Supervisor, lasting: LastingParts, stop: asyncio.Event
) -> BrokerLife:
    """One life of the broker and of the parts on it."""
    broker_stop, parts_stop = asyncio.Event(), asyncio.Event()
    living = asyncio.create_task(supervisor.run_once(child, broker_stop))
    stopping = asyncio.create_task(stop.wait())
    full: asyncio.Task[None] | None = None
    ready = False
    try:
        ready = await _ready(child, living, stopping, plan.ready_within)
        if ready:
            await plan.prepare(supervisor)
            full = asyncio.create_task(wait_full(lambda: supervisor.running.get(child.name), plan.most_bytes))
            parts, others = asyncio.create_task(supervisor.keep(plan.parts, parts_stop)), lasting.begin()
            ends = [living, parts, others, stopping]
            await asyncio.wait([*ends, full], return_when=asyncio.FIRST_COMPLETED)
            if not any(each.done() for each in ends):
                draining = asyncio.create_task(plan.drain())
                await asyncio.wait([*ends, draining], return_when=asyncio.FIRST_COMPLETED)
                draining.cancel()
                await asyncio.wait([draining])
            supervisor.patience = ORPHANED if living.done() else PATIENCE
            try:
                if stopping.done() or others.done():
                    # First, so that what they accepted goes through the rest.
                    await lasting.end()
            finally:
                parts_stop.set()
                await parts
    except AwayError:
        ready = False
    finally:
        supervisor.patience = PATIENCE
        is_full = full is not None and full.done() and not living.done()
        for each in (stopping, full):
            if each is not None:
                each.cancel()
        broker_stop.set()
        await asyncio.wait([living])
    code, last = living.result()
    end = f"{exit_text(code)}; {remedy(code, supervisor.log_of(child))}; its last line: {last or 'none'}"
    return BrokerLife(ready, is_full, end)


async def _ready(
    child: Child, living: asyncio.Task[tuple[int, str]], stopping: asyncio.Task[bool], seconds: float
) -> bool:
    """Whether the child became ready before it ended, before all was to stop, and within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not living.done() and not stopping.done():
                if await asyncio.to_thread(child.ready):
                    return True
                await asyncio.sleep(0.02)
    return False
