"""Builds the routes of experiments and interventions: their drafts, the log of changes, and their results."""

from functools import partial

from aiokafka.errors import KafkaError
from fastapi import APIRouter
from sqlalchemy import Engine

from deploy.errors import AwayError, SetupError
from deploy.log import controls, uptake
from deploy.log.client_options import kafka_clients
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.followed_erasures import PATIENCE
from deploy.wiring.models import writable_registry
from deploy.wiring.pages import money
from deploy.wiring.storage import DatabaseHandles
from ingest.documented_app import joined
from ingest.outage import reason_of
from scoring import registry
from scoring.folder import RegistryError
from storage.database.threads import in_thread
from storage.experiments.api import experiment_routes
from storage.experiments.changes import ExperimentChanges, WorkersRefusedError
from storage.experiments.drafts import Drafts
from storage.experiments.results.api import result_routes
from storage.experiments.results.reads import ResultReads
from storage.http.access import Access
from storage.http.errors import ReadError
from storage.interventions.changes import InterventionChanges
from storage.interventions.drafts import InterventionDrafts
from storage.query.queries import Waited
from stream.experiments.definition import Definition, ExperimentDefinition
from stream.experiments.history import Experiments
from stream.kafka.experiments_topic import read_experiments
from stream.kafka.topic_follower import TopicMissingError

RETRY_SECONDS = 2


def routes(settings: Settings, opened: DatabaseHandles, permitted: Access, waited: Waited) -> APIRouter:
    """The routes, for keys of scope admin."""
    changes = ExperimentChanges(Drafts(opened.engine), KafkaExperimentLog(settings))
    reads = ResultReads(*opened, waited, money=partial(money, settings))
    access = permitted.scoped("admin")
    return joined(experiment_routes(changes, access), result_routes(reads, changes, access))


def intervention_changes(settings: Settings, engine: Engine) -> InterventionChanges:
    return InterventionChanges(InterventionDrafts(engine), KafkaExperimentLog(settings))


class KafkaExperimentLog:
    """An ExperimentLog."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def read(self) -> Experiments:
        kafka = self._settings.kafka
        try:
            return await read_experiments(kafka_clients(kafka), kafka.experiments_topic, PATIENCE)
        except (KafkaError, OSError, TimeoutError, TopicMissingError) as error:
            raise ReadError("unavailable", f"Kafka: {reason_of(error)}", RETRY_SECONDS) from error

    async def check_model(self, version: str) -> None:
        try:
            await in_thread(lambda: registry.load(writable_registry(self._settings.scoring), version))
        except (RegistryError, SetupError) as error:
            raise ReadError("conflict", str(error)) from error

    async def put(self, record: Definition) -> list[str]:
        self._require_site(record.site)
        try:
            dead_from = await uptake.dead_ends(self._settings)
            _, offsets = await controls.put_definition(self._settings.kafka, record)
        except (KafkaError, OSError, TimeoutError, AwayError, SetupError) as error:
            raise ReadError("unavailable", reason_of(error), RETRY_SECONDS) from error
        try:
            taken = await uptake.uptake(self._settings, offsets, dead_from, uptake.PATIENCE)
        except (KafkaError, OSError, TimeoutError) as error:
            return [f"Kafka does not answer whether the workers have taken it: {reason_of(error)}"]
        if taken.refused and isinstance(record, ExperimentDefinition):
            raise WorkersRefusedError(f"as workers refuse it: {taken.refusals()}")
        if taken.waiting:
            waiting = uptake.listed(taken.waiting)
            return [
                f"partition {waiting}: no worker has read it within {uptake.PATIENCE:g} s; one takes it when it runs"
            ]
        return []

    def _require_site(self, site: str) -> None:
        if site not in sites_of(self._settings):
            raise ReadError("not_found", f"there is no site {site}; GET /sites lists them")
