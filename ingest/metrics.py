"""What the ingest API counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class IngestMetrics:
    """Counters with a registry of their own, so that two apps in one process do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "opecom_ingest_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self.events = Counter(
            "opecom_ingest_events", "Events accepted by Kafka, by site.", ["site"], registry=self.registry
        )
        self.refused = Counter(
            "opecom_ingest_refused", "Requests and events refused, by code.", ["code"], registry=self.registry
        )
        self.publish_seconds = Histogram(
            "opecom_ingest_publish_seconds",
            "Wait for Kafka's acknowledgement.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
