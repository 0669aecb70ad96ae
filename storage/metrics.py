"""What the writer and the query API say of themselves to Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: What people and the label `database` call the two databases.
RELATIONAL, CLICKHOUSE = "the relational database", "ClickHouse"
#: Of writes and reads of one database.
DATABASE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


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
        self.database_seconds = Histogram(
            "opecom_writer_database_seconds",
            "One write of a block that the database took, by database.",
            ["database"],
            buckets=DATABASE_SECONDS,
            registry=registry,
        )
        self.retries = Counter(
            "opecom_writer_retries_total",
            "Writes of a block that the database did not take and that are tried again, by database.",
            ["database"],
            registry=registry,
        )
        self.written = Gauge(
            "opecom_writer_last_write_timestamp_seconds",
            "When a block was last in both databases and committed.",
            registry=registry,
        )
        self.block_records = Histogram(
            "opecom_writer_block_records",
            "Records in one block.",
            buckets=(1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000),
            registry=registry,
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
        self.detached_parts = Gauge(
            "opecom_writer_detached_parts",
            "Damaged parts that ClickHouse set aside, whose rows are missing, by table.",
            ["table"],
            registry=registry,
        )
        self.held_sites = Gauge(
            "opecom_writer_pages_held_sites",
            "Sites whose page statistics moved too far to be put in force by themselves.",
            registry=registry,
        )
        self.model_auc = Gauge(
            "opecom_writer_model_auc",
            "Area under the ROC curve of live scores at the third page, by site, and the ends of its 95 % interval.",
            ["site", "end"],
            registry=registry,
        )
        self.seconds = Histogram(
            "opecom_writer_block_seconds",
            "From the first record of a block until both databases have it.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )


class DriftMetrics:
    """Of the last daily check of each site."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._alarms = Gauge(
            "opecom_api_drift_alarms",
            "Features, scores and figures that are not as they were, by the last daily check, by site.",
            ["site"],
            registry=registry,
        )
        self._checked = Gauge(
            "opecom_api_drift_checked_timestamp_seconds",
            "When a site was last checked for drift, by site.",
            ["site"],
            registry=registry,
        )

    def checked(self, site: str, alarms: int, now: int) -> None:
        """A check of this site at `now`, ms UTC."""
        self._alarms.labels(site).set(alarms)
        self._checked.labels(site).set(now / 1000)

    def forget(self, site: str) -> None:
        """The site has too few sessions to be checked."""
        self._alarms.remove_by_labels({"site": site})
        self._checked.remove_by_labels({"site": site})


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
        self.in_flight = Gauge(
            "opecom_api_requests_in_flight", "Requests whose answer has not ended, streams included.", registry=registry
        )
        self.database_seconds = Histogram(
            "opecom_api_database_seconds",
            "One query, answered or not, by database.",
            ["database"],
            buckets=DATABASE_SECONDS,
            registry=registry,
        )
        self.database_failures = Counter(
            "opecom_api_database_failures_total",
            "Queries that the database did not answer, by database.",
            ["database"],
            registry=registry,
        )
        for database in (RELATIONAL, CLICKHOUSE):
            self.database_seconds.labels(database)
            self.database_failures.labels(database)
        self.streams = Gauge("opecom_api_streams", "Open streams of intents.", registry=registry)
        self.session_streams = Gauge(
            "opecom_api_session_streams", "Browsers that follow their own session.", registry=registry
        )
        self.stream_events = Counter("opecom_api_stream_events_total", "Intents sent to streams.", registry=registry)
        self.slow_clients = Counter(
            "opecom_api_slow_clients_total", "Streams ended because their client took nothing.", registry=registry
        )

    def waited(self, database: str, seconds: float, answered: bool) -> None:
        """Count one query; from any thread."""
        self.database_seconds.labels(database).observe(seconds)
        if not answered:
            self.database_failures.labels(database).inc()
