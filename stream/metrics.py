"""What a worker tells of itself to Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WorkerMetrics:
    """The worker's metrics on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "opecom_worker_records", "Records of the log folded, by outcome", ["outcome"], registry=self.registry
        )
        self.updates = Counter("opecom_worker_updates", "Scored updates acknowledged", registry=self.registry)
        self.round_records = Histogram(
            "opecom_worker_round_records",
            "Records in one round",
            buckets=(1, 4, 16, 64, 256, 1024, 4096, 16384),
            registry=self.registry,
        )
        self.stage_seconds = Counter(
            "opecom_worker_stage_seconds", "Time spent, by stage of the round", ["stage"], registry=self.registry
        )
        self.open_sessions = Gauge(
            "opecom_worker_open_sessions", "Open sessions, by partition", ["partition"], registry=self.registry
        )
        self.next_offset = Gauge(
            "opecom_worker_next_offset", "The offset folded next, by partition", ["partition"], registry=self.registry
        )
        self.lag = Gauge("opecom_worker_lag", "Records behind the log's end", ["partition"], registry=self.registry)
        self.seeks = Counter(
            "opecom_worker_seeks", "Times the client's position was wrong and was put right", registry=self.registry
        )
        self.ticks = Counter("opecom_worker_ticks", "Ticks appended to close overdue sessions", registry=self.registry)
        self.claims = Counter("opecom_worker_claims", "Partitions taken over", registry=self.registry)
        self.stall_seconds = Histogram(
            "opecom_worker_claim_seconds", "Time from an assignment to the first round", registry=self.registry
        )
