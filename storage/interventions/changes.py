"""Creates, starts and stops interventions, by records of the topic `experiments`: one at a time in this process."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, get_args

import msgspec

from ingest.events import ReportAction
from storage.database.threads import in_thread
from storage.experiments.changes import ExperimentLog
from storage.http.errors import ReadError
from storage.interventions.answers import InterventionRequest, InterventionView
from storage.interventions.drafts import InterventionDraft, InterventionDrafts
from storage.interventions.firings import FiringOutcome, counts
from storage.interventions.reports import report_counts
from stream.experiments.history import Experiments
from stream.interventions.changes import faulty
from stream.interventions.definition import InterventionDefinition


class InterventionChanges:
    """Each raises ReadError: not_found, conflict, invalid, unavailable. `by` is the name of who changes it."""

    def __init__(
        self,
        drafts: InterventionDrafts,
        log: ExperimentLog,
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._drafts = drafts
        self._log = log
        self._now = now
        self._lock = asyncio.Lock()

    async def all(self) -> list[InterventionView]:
        known = await self._log.read()
        started = known.interventions()
        names = {each.name for each in started}
        drafts = await in_thread(self._drafts.all)
        found = [_view_of_draft(each) for each in drafts if each.request.name not in names]
        for status in ("running", "stopped"):
            found += [_view_of(each, known) for each in started if each.status == status]
        return found

    async def find(self, name: str) -> InterventionView:
        """An intervention, with how often it fired."""
        found = next((each for each in await self.all() if each.name == name), None)
        if found is None:
            raise _no_intervention(name)
        if found.status == "draft":
            return found
        known = await in_thread(counts, self._drafts.engine, found.site, name)
        reported = await in_thread(report_counts, self._drafts.engine, found.site, name)
        return msgspec.structs.replace(
            found,
            **{outcome: known.get(outcome, 0) for outcome in get_args(FiringOutcome)},
            **{action: reported.get(action, 0) for action in get_args(ReportAction)},
        )

    async def create(self, request: InterventionRequest, by: str) -> InterventionView:
        draft = InterventionDraft(request, self._now(), by)
        if reason := faulty(request.running(draft.created_at, by)):
            raise ReadError("invalid", reason)
        async with self._lock:
            taken = {each.name for each in (await self._log.read()).interventions()}
            if request.name in taken or not await in_thread(self._drafts.add, draft):
                raise ReadError("conflict", f"there is an intervention {request.name}: take another name")
        return _view_of_draft(draft)

    async def discard(self, name: str) -> None:
        """Drop a draft."""
        if not await in_thread(self._drafts.discard, name):
            raise ReadError("not_found", f"there is no draft {name!r:.40}; what was started is stopped instead")

    async def start(self, name: str, by: str) -> InterventionView:
        """1 the record and its controls · 2 the draft goes. A crash in between leaves a draft that nobody sees."""
        draft = await in_thread(self._drafts.find, name)
        if draft is None:
            _running(await self._log.read(), name)
            raise ReadError("conflict", f"{name} runs already")
        found = await self._put(lambda known: draft.request.running(self._now(), by))
        await in_thread(self._drafts.discard, name)
        return found

    async def stop(self, name: str, by: str) -> InterventionView:
        def ended(known: Experiments) -> InterventionDefinition:
            before = _running(known, name)
            at = max(self._now(), before.started_at)
            return msgspec.structs.replace(before, status="stopped", stopped_at=at, by=by)

        return await self._put(ended)

    async def _put(self, change: Callable[[Experiments], InterventionDefinition]) -> InterventionView:
        async with self._lock:
            known = await self._log.read()
            record = change(known)
            if reason := known.refusal(record):
                raise ReadError("conflict", reason)
            notices = await self._log.put(record)
            known = await self._log.read()
            if record not in known.interventions():
                raise ReadError("conflict", "another process changed it meanwhile: look at it, and try again")
        return _view_of(record, known, notices)


def _wanted(source: InterventionRequest | InterventionDefinition) -> dict[str, Any]:
    return {name: getattr(source, name) for name in InterventionRequest.__struct_fields__}


def _view_of_draft(draft: InterventionDraft) -> InterventionView:
    return InterventionView(**_wanted(draft.request), status="draft", by=draft.created_by, created_at=draft.created_at)


def _view_of(record: InterventionDefinition, known: Experiments, notices: list[str] | None = None) -> InterventionView:
    return InterventionView(
        **_wanted(record),
        status=record.status,
        by=record.by,
        version=known.intervention_version(record.name),
        started_at=record.started_at,
        stopped_at=record.stopped_at,
        notices=notices or [],
    )


def _running(known: Experiments, name: str) -> InterventionDefinition:
    found = next((each for each in known.interventions() if each.name == name), None)
    if found is None:
        raise _no_intervention(name)
    if found.status != "running":
        raise ReadError("conflict", f"{name} is stopped, for good: create another one")
    return found


def _no_intervention(name: str) -> ReadError:
    return ReadError("not_found", f"there is no intervention {name!r:.40}; GET /interventions lists them")
