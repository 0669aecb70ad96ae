"""What the writer and the query API say of themselves to Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WriterMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "opecom_writer_records_total", "Records written, by what their topic is for.", ["topic"], registry=registry
        )
        self.refused = Counter(
            "opecom_writer_refused_total", "Records that no database takes; they are dead letters.", registry=registry
        )
        self.away = Gauge(
            "opecom_writer_database_away", "1 while the database does not take writes.", ["database"], registry=registry
        )
        self.rereads = Counter(
            "opecom_writer_rereads_total", "Times the client skipped records and was sent back.", registry=registry
        )
        self.gaps = Counter(
            "opecom_writer_gaps_total",
            "Holes in a topic: records that were deleted before they were written.",
            registry=registry,
        )
        self.lag = Gauge(
            "opecom_writer_lag_records", "Records that wait to be written, by topic.", ["topic"], registry=registry
        )
        self.seconds = Histogram(
            "opecom_writer_block_seconds",
            "From the first record of a block until both databases have it.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )


class ApiMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "opecom_api_requests_total", "Answers, by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "opecom_api_request_seconds",
            "From a request until its answer begins.",
            ["route"],
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self.streams = Gauge("opecom_api_streams", "Open streams of intents.", registry=registry)
        self.stream_events = Counter("opecom_api_stream_events_total", "Intents sent to streams.", registry=registry)
        self.slow_clients = Counter(
            "opecom_api_slow_clients_total", "Streams ended because their client took nothing.", registry=registry
        )
