"""Creates, starts, grows and stops experiments, and sets hold-outs: one change at a time in this process.

Two processes that change at once cannot both be right: whichever record comes second is read as the rules say
(stream/experiments/rules.py), and its writer answers that it is not in force.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from storage.database.threads import in_thread
from storage.experiments import records
from storage.experiments.answers import (
    ExperimentRequest,
    ExperimentView,
    GrowRequest,
    HoldoutRequest,
    HoldoutView,
)
from storage.experiments.drafts import Drafts, ExperimentDraft
from storage.http.errors import ReadError
from stream.experiments.definition import Definition, ExperimentDefinition, HoldoutDefinition
from stream.experiments.history import Experiments


class ExperimentLog(Protocol):
    """The topic and its controls. Each raises ReadError with one line."""

    async def read(self) -> Experiments:
        """All that the topic has now."""
        ...

    async def check_model(self, version: str) -> None:
        """Whether the model can be used here."""
        ...

    async def put(self, record: Definition) -> list[str]:
        """Write the record, announce it, and wait for the workers; lines for the user, if there are any. Raises
        ReadError(conflict) where a worker refuses it."""
        ...


class ExperimentChanges:
    """Each raises ReadError: not_found, conflict, invalid, unavailable. `by` is the name of who changes it."""

    def __init__(
        self, drafts: Drafts, log: ExperimentLog, now: Callable[[], int] = lambda: int(time.time() * 1000)
    ) -> None:
        self._drafts = drafts
        self._log = log
        self._now = now
        self._lock = asyncio.Lock()

    async def all(self) -> list[ExperimentView]:
        experiments = await self._log.read()
        started = experiments.definitions()
        names = {each.name for each in started}
        drafts = [each for each in await in_thread(self._drafts.all) if each.request.name not in names]
        found = [records.view_of_draft(each) for each in drafts]
        for status in ("running", "stopped"):
            found += [
                records.view_of(each, experiments.changes(each.name)[-1][0])
                for each in started
                if each.status == status
            ]
        return found

    async def find(self, name: str) -> ExperimentView:
        found = next((each for each in await self.all() if each.name == name), None)
        if found is None:
            raise _no_experiment(name)
        return found

    async def records(self, name: str) -> tuple[list[ExperimentDefinition], HoldoutDefinition | None]:
        """All records of an experiment that was started, the oldest first, and the hold-out of its site."""
        experiments = await self._log.read()
        found = [each for _, each in experiments.changes(name)]
        if not found:
            if await in_thread(self._drafts.find, name) is None:
                raise _no_experiment(name)
            raise ReadError("conflict", f"{name} is a draft: `opecom experiments start {name}` begins it")
        return found, experiments.holdout(found[0].site)

    async def create(self, request: ExperimentRequest, by: str) -> ExperimentView:
        records.check_draft(request)
        for arm in request.arms:
            if arm.model:
                await self._log.check_model(arm.model)
        draft = ExperimentDraft(request, secrets.token_hex(8), self._now(), by)
        async with self._lock:
            taken = {each.name for each in (await self._log.read()).definitions()}
            if request.name in taken or not await in_thread(self._drafts.add, draft):
                raise ReadError("conflict", f"there is an experiment {request.name}: take another name")
        return records.view_of_draft(draft)

    async def discard(self, name: str) -> None:
        """Drop a draft."""
        if not await in_thread(self._drafts.discard, name):
            raise ReadError("not_found", f"there is no draft {name!r:.40}; what was started is stopped instead")

    async def start(self, name: str, by: str) -> ExperimentView:
        """1 the record and its controls · 2 the draft goes. A crash in between leaves a draft that nobody sees."""
        draft = await in_thread(self._drafts.find, name)
        if draft is None:
            _experiment(await self._log.read(), name)
            raise ReadError("conflict", f"{name} runs already")
        # An earlier version took more than the log does.
        records.check_draft(draft.request)
        for arm in draft.request.arms:
            if arm.model:
                await self._log.check_model(arm.model)

        def change(experiments: Experiments) -> ExperimentDefinition:
            return records.started(draft, experiments, self._now(), by)

        try:
            found = await self._change(change)
        except WorkersRefusedError as error:
            await self._change(lambda known: records.ended(_experiment(known, name), self._now(), by))
            await in_thread(self._drafts.discard, name)
            raise ReadError("conflict", f"{name} is stopped again, {error}; create another one") from error
        await in_thread(self._drafts.discard, name)
        return found

    async def grow(self, name: str, request: GrowRequest, by: str) -> ExperimentView:
        return await self._change(
            lambda known: records.with_shares(_experiment(known, name), request.shares, known, by)
        )

    async def stop(self, name: str, by: str) -> ExperimentView:
        return await self._change(lambda known: records.ended(_experiment(known, name), self._now(), by))

    async def holdouts(self) -> list[HoldoutView]:
        return [records.view_of_holdout(each) for each in (await self._log.read()).holdouts()]

    async def hold_out(self, site: str, request: HoldoutRequest, by: str) -> HoldoutView:
        buckets = records.buckets_of(request.share)
        async with self._lock:
            before = (await self._log.read()).holdout(site)
            salt = before.salt if before is not None else secrets.token_hex(8)
            record = HoldoutDefinition(site=site, salt=salt, buckets=buckets, changed_at=self._now(), by=by)
            notices = await self._put(record)
        return records.view_of_holdout(record, notices)

    async def _change(self, change: Callable[[Experiments], ExperimentDefinition]) -> ExperimentView:
        async with self._lock:
            record = change(await self._log.read())
            notices = await self._put(record)
            version = (await self._log.read()).changes(record.name)[-1][0]
        return records.view_of(record, version, notices)

    async def _put(self, record: Definition) -> list[str]:
        experiments = await self._log.read()
        if reason := experiments.refusal(record):
            raise ReadError("conflict", reason)
        notices = await self._log.put(record)
        experiments = await self._log.read()
        if isinstance(record, HoldoutDefinition):
            taken = experiments.holdout(record.site) == record
        else:
            taken = _experiment(experiments, record.name, None) == record
        if not taken:
            raise ReadError("conflict", "another process changed it meanwhile: look at it, and try again")
        return notices


class WorkersRefusedError(ReadError):
    """Workers refused a start; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__("conflict", reason)


def _experiment(known: Experiments, name: str, status: str | None = "running") -> ExperimentDefinition:
    """Raises ReadError for one that does not run, unless the status does not matter."""
    found = next((each for each in known.definitions() if each.name == name), None)
    if found is None:
        raise _no_experiment(name)
    if status is not None and found.status != status:
        raise ReadError("conflict", f"{name} is stopped, for good: create another one")
    return found


def _no_experiment(name: str) -> ReadError:
    return ReadError("not_found", f"there is no experiment {name!r:.40}; GET /experiments lists them")
