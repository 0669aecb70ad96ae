"""What the spool counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

from ingest.metrics import BUCKETS
from ingest.spool.publisher import SpoolPublisher


def add_spool_metrics(registry: CollectorRegistry, publisher: SpoolPublisher) -> None:
    """Put what the publisher's spool says of itself into the registry."""
    Gauge(
        "opecom_ingest_spool_events", "Accepted events that the log has not acknowledged.", registry=registry
    ).set_function(lambda: publisher.waiting)
    Gauge("opecom_ingest_spool_bytes", "Bytes of the spool on the disk.", registry=registry).set_function(
        lambda: publisher.size
    )
    Gauge(
        "opecom_ingest_spool_limit_bytes",
        "Size at which the spool takes no more (ingest.spool_bytes).",
        registry=registry,
    ).set(publisher.spool.most_bytes)
    Gauge(
        "opecom_ingest_spool_refused", "1 while the disk does not take the spool's writes.", registry=registry
    ).set_function(lambda: publisher.spool.trouble != "")
    Gauge(
        "opecom_ingest_spool_lost_events",
        "Accepted events that the disk lost since the start: a line in the log names file and place.",
        registry=registry,
    ).set_function(lambda: publisher.lost)
    publisher.spool.observe = Histogram(
        "opecom_ingest_spool_sync_seconds",
        "Time in which the disk takes what many requests share.",
        buckets=BUCKETS,
        registry=registry,
    ).observe
