"""Where the parts of a system listen, by the settings."""

from deploy.learner.libraries import missing_line
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings


def addresses(settings: Settings) -> dict[str, ProbeAddress]:
    """The parts that run with these settings, by name, and where each says how it is."""
    return {
        "ingest": ProbeAddress.reached(settings.ingest.host, settings.ingest.port),
        "worker": ProbeAddress.reached(settings.worker.metrics_host, settings.worker.metrics_port),
        **_store(settings),
        "webhooks": ProbeAddress.reached(settings.webhooks.metrics_host, settings.webhooks.metrics_port),
        **_learner(settings),
    }


def _learner(settings: Settings) -> dict[str, ProbeAddress]:
    """The learner, where it is to run and can."""
    if settings.learning.promotion == "off" or missing_line():
        return {}
    return {"learner": ProbeAddress.reached(settings.learning.metrics_host, settings.learning.metrics_port)}


def _store(settings: Settings) -> dict[str, ProbeAddress]:
    """Writer and API: apart with a ClickHouse server, one process without, as one process may hold chDB's folder."""
    api = ProbeAddress.reached(settings.api.host, settings.api.port)
    if not settings.storage.clickhouse_host:
        return {"store": api}
    return {"writer": ProbeAddress.reached(settings.storage.metrics_host, settings.storage.metrics_port), "api": api}
