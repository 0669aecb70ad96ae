"""What the part `webhooks` says of itself to Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WebhookMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "opecom_webhooks_records_total", "Scored sessions read, of all sites.", registry=registry
        )
        self.crossings = Counter(
            "opecom_webhooks_crossings_total", "Crossings that became a delivery.", registry=registry
        )
        self.held = Counter(
            "opecom_webhooks_held_total",
            "What an experiment, a hold-out or the stop of an intervention holds back of these.",
            registry=registry,
        )
        self.attempts = Counter(
            "opecom_webhooks_attempts_total",
            "Attempts to deliver, by what became of the delivery: delivered, retried, dead.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("delivered", "retried", "dead"):
            self.attempts.labels(outcome)
        self.seconds = Histogram(
            "opecom_webhooks_attempt_seconds",
            "One attempt to deliver, answered or not.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.delay = Histogram(
            "opecom_webhooks_delay_seconds",
            "From making a delivery until its receiver has it.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400),
            registry=registry,
        )
        self.due = Gauge(
            "opecom_webhooks_due", "Deliveries that wait for their first or next attempt.", registry=registry
        )
        self.dead = Gauge(
            "opecom_webhooks_dead", "Deliveries that were given up, as the log lists them.", registry=registry
        )
        self.lag = Gauge("opecom_webhooks_lag_records", "Scored sessions that wait to be read.", registry=registry)
        self.gaps = Counter(
            "opecom_webhooks_gaps_total",
            "Holes in the topic: records that were deleted before they were read.",
            registry=registry,
        )
        self.unreadable = Counter(
            "opecom_webhooks_unreadable_total",
            "Records that are no scored sessions; they are left out.",
            registry=registry,
        )
        self.away = Gauge(
            "opecom_webhooks_database_away", "1 while the database does not answer this part.", registry=registry
        )
