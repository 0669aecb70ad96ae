"""Builds the spool of the ingest API from the settings."""

from deploy.errors import SetupError
from deploy.local.event_store import EmbeddedEventStore
from deploy.local.log_folder import LogFolder
from deploy.processes.data_folder import spool_folder
from deploy.processes.private_files import make_private
from deploy.settings.model import Settings
from ingest.outage import reason_of
from ingest.producer import LogProducer
from ingest.spool.event_store import DurableLog, EventStore
from ingest.spool.publisher import SpoolPublisher


def event_store(settings: Settings) -> EventStore:
    """What of the log is safe without the spool."""
    folder = settings.kafka.log_folder
    return DurableLog() if folder is None else EmbeddedEventStore(LogFolder(folder))


def spool_publisher(settings: Settings, producer: LogProducer) -> SpoolPublisher:
    """A publisher that keeps events in the data folder until `producer` has them in the log; raises SetupError."""
    ingest, folder = settings.ingest, spool_folder(settings.data_dir)
    try:
        make_private(settings.data_dir)
        return SpoolPublisher(
            folder,
            producer,
            settings.kafka.partitions,
            event_store(settings),
            most_bytes=ingest.spool_bytes,
            max_in_flight=ingest.max_in_flight,
        )
    except OSError as error:
        raise SetupError(
            f"the spool cannot be kept in {folder} (data_dir): {error.strerror or reason_of(error)}; "
            "make room there, or set ingest.spool=false"
        ) from error
