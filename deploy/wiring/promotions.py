"""Builds the routes of the registry and of promotions: what they read, and what puts a version in force."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter

from deploy import gate, promote
from deploy.errors import AwayError, SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.models import registry as registry_place
from deploy.wiring.models import writable_registry
from scoring import promotions, registry
from scoring.folder import Place, RegistryError
from scoring.promotions import Promotion
from scoring.shadow.report import ShadowReport
from storage.database.threads import in_thread
from storage.http.access import Access
from storage.http.errors import ReadError
from storage.promotions.answers import ModelInForce, ModelRegistry, ModelVersion
from storage.promotions.api import promotion_routes
from storage.promotions.jobs import JudgedCandidate, PromotionJobs
from storage.replay.jobs import Jobs

#: Promotions and roll-backs that are listed.
MOST_HISTORY = 200
RETRY_SECONDS = 2

Answer = TypeVar("Answer")


def promotion_jobs(settings: Settings, replays: Jobs) -> PromotionJobs:
    """Promotions on this log; their shadows are replays of this process."""
    return PromotionJobs(LogPromotions(settings), replays)


def model_routes(settings: Settings, jobs: PromotionJobs, permitted: Access) -> APIRouter:
    """The routes, for keys of scope admin."""
    return promotion_routes(FolderReads(settings), jobs, permitted.scoped("admin"))


class LogPromotions:
    """A PromotionWork. What blocks, and Kafka's clients with it, is in threads: other requests go on meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def version_in_force(self, site: str) -> str:
        self._require_site(site)
        return await _explained(lambda: promote.version_in_force(self._settings, site))

    async def check(self, version: str) -> None:
        try:
            await in_thread(lambda: registry.load(writable_registry(self._settings.scoring), version))
        except RegistryError as error:
            raise ReadError("conflict", str(error)) from error

    async def refusals(self, report: ShadowReport) -> list[str]:
        try:
            return await in_thread(gate.refusals_of, self._settings, report)
        except RegistryError as error:
            raise ReadError("conflict", str(error)) from error

    async def promote(self, candidate: JudgedCandidate, notify: Callable[[str], None]) -> None:
        await _explained(
            lambda: gate.promote_judged(
                self._settings,
                candidate.version,
                candidate.report,
                candidate.refusals,
                candidate.is_forced,
                candidate.site,
                notify,
                candidate.who,
            )
        )

    async def roll_back(self, site: str, who: str, notify: Callable[[str], None]) -> str:
        done = await _explained(lambda: promote.roll_back(self._settings, notify=notify, site=site, who=who))
        return done.version

    def _require_site(self, site: str) -> None:
        if site and site not in sites_of(self._settings):
            raise ReadError("not_found", f"there is no site {site}; GET /sites lists them")


class FolderReads:
    """RegistryReads of the registry's folder; asks for the log's name once, as it holds while this process runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = ""

    async def registry(self) -> ModelRegistry:
        notice = ""
        if not self._log:
            try:
                self._log = await topics.log_id(kafka_clients(self._settings.kafka))
            except SetupError as error:
                notice = f"what is in force is read from the registry alone: {error}"
        return await in_thread(self._read, notice)

    async def version(self, version: str) -> ModelVersion:
        def read() -> ModelVersion:
            folder = registry_place(self._settings.scoring)
            return ModelVersion(registry.manifest(folder, version), registry.card(folder, version))

        try:
            return await in_thread(read)
        except RegistryError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error

    def _read(self, notice: str) -> ModelRegistry:
        try:
            folder = registry_place(self._settings.scoring)
            recorded = promotions.recorded(folder)
            models = sorted(registry.manifests(folder), key=lambda each: (each.created_at, each.version), reverse=True)
            in_force = self._in_force(folder, recorded)
        except RegistryError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        return ModelRegistry(models, in_force, recorded[::-1][:MOST_HISTORY], notice)

    def _in_force(self, folder: Place, recorded: list[Promotion]) -> list[ModelInForce]:
        """The common model, then those of sites by name."""
        default = self._settings.scoring.model or registry.current(folder)
        found = []
        for site in ["", *sorted({each.site for each in recorded if each.site})]:
            of_log = [each for each in recorded if each.site == site and each.log == (self._log or each.log)]
            version = (promotions.in_force(of_log) or [default if not site else ""])[-1]
            if not version:
                continue
            # The embedded broker begins a log at each start; a common model holds across them by the registry.
            since = [each for each in recorded if each.site == site and each.version == version]
            last = (of_log or since)[-1:]
            found.append(
                ModelInForce(site, version, last[0].at, last[0].gate, last[0].refusals)
                if last
                else ModelInForce(site, version)
            )
        return found


async def _explained(work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """What a command does, in a thread with an event loop of its own; a refusal as the API answers it."""
    try:
        return await in_thread(lambda: asyncio.run(work()))
    except AwayError as error:
        raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
    except SetupError as error:
        raise ReadError("conflict", str(error)) from error
