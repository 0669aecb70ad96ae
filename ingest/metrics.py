"""What the ingest API counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ingest.errors import REFUSAL_CODES

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class IngestMetrics:
    """Counters with a registry of their own, so that two apps in one process do not share them.

    `in_flight` says how many events wait for Kafka, `open_sessions` how many sessions sent an event lately,
    `clock_ahead_ms` how far our clock is ahead of the log's.
    """

    def __init__(
        self,
        in_flight: Callable[[], int] = lambda: 0,
        open_sessions: Callable[[], int] = lambda: 0,
        clock_ahead_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "opecom_ingest_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "opecom_ingest_request_seconds",
            "From a request's head until its answer, by path.",
            ["path"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.request_events = Histogram(
            "opecom_ingest_request_events",
            "Events accepted with one request.",
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500),
            registry=self.registry,
        )
        self.events = Counter(
            "opecom_ingest_events", "Events accepted by Kafka, by site.", ["site"], registry=self.registry
        )
        self.bot_events = Counter(
            "opecom_ingest_bot_events", "Of these, events of programs, by site.", ["site"], registry=self.registry
        )
        self.refused = Counter(
            "opecom_ingest_refused", "Requests and events refused, by code.", ["code"], registry=self.registry
        )
        # A rate sees a counter's first step only where it stood at 0 before.
        for code in REFUSAL_CODES:
            self.refused.labels(code)
        self.publish_seconds = Histogram(
            "opecom_ingest_publish_seconds",
            "Wait for Kafka's acknowledgement.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        Gauge(
            "opecom_ingest_events_in_flight", "Events that wait for Kafka's acknowledgement.", registry=self.registry
        ).set_function(in_flight)
        Gauge(
            "opecom_ingest_open_sessions",
            "Sessions that sent an event in the last 20 to 40 minutes.",
            registry=self.registry,
        ).set_function(open_sessions)
        Gauge(
            "opecom_ingest_clock_ahead_seconds",
            "How far this machine's clock is ahead of Kafka's, negative: behind.",
            registry=self.registry,
        ).set_function(lambda: clock_ahead_ms() / 1000)
