"""The metrics of a worker for Prometheus."""

from collections.abc import Collection, Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily

from ingest.events import base_site
from stream.fold.result import Outcome
from stream.scored import ScoredSession

SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STAGES = ("fold", "dead", "score", "publish")


class Distribution:
    """A histogram that takes a round's values at once: prometheus_client's takes one by one, at 1 µs each."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> list[HistogramMetricFamily]:
        ends = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        buckets = list(zip(ends, self._counts.cumsum().tolist(), strict=True))
        return [HistogramMetricFamily(self._name, self._documentation, buckets, self._sum)]


class WorkerMetrics:
    """The worker's metrics on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "opecom_worker_records", "Records of the log folded, by outcome", ["outcome"], registry=self.registry
        )
        # A rate sees a counter's first step only where it stood at 0 before.
        for outcome in get_args(Outcome):
            self.records.labels(outcome)
        self.updates = Counter("opecom_worker_updates", "Scored updates acknowledged", registry=self.registry)
        self.probability = Distribution(
            "opecom_worker_probability",
            "Probabilities of the updates acknowledged, without sessions of programs",
            [tenth / 10 for tenth in range(1, 10)],
            self.registry,
        )
        self.model = Gauge(
            "opecom_worker_model_info",
            "1; its labels are the model that scored last, and the site where it is the site's own",
            ["version", "site"],
            registry=self.registry,
        )
        #: The model that scored last, by site; "" for all that have none of their own.
        self._models: dict[str, str] = {}
        self.refused_models = Counter(
            "opecom_worker_refused_models",
            "Times a model that the log named could not be used and the one before it went on",
            registry=self.registry,
        )
        self.round_records = Histogram(
            "opecom_worker_round_records",
            "Records in one round",
            buckets=(1, 4, 16, 64, 256, 1024, 4096, 16384),
            registry=self.registry,
        )
        self.round_seconds = Histogram(
            "opecom_worker_round_seconds", "Time of one round", buckets=SECONDS, registry=self.registry
        )
        self.age_seconds = Histogram(
            "opecom_worker_age_seconds",
            "From the time that a round's oldest record has in Kafka until its scores are acknowledged",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.stage_seconds = Counter(
            "opecom_worker_stage_seconds", "Time spent, by stage of the round", ["stage"], registry=self.registry
        )
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        self.committed = Gauge(
            "opecom_worker_last_commit_timestamp_seconds",
            "When all that was folded was last found committed",
            registry=self.registry,
        )
        self.open_sessions = Gauge(
            "opecom_worker_open_sessions", "Open sessions, by partition", ["partition"], registry=self.registry
        )
        self.next_offset = Gauge(
            "opecom_worker_next_offset", "The offset folded next, by partition", ["partition"], registry=self.registry
        )
        self.recovery_left = Gauge(
            "opecom_worker_recovery_left_records",
            "Records that the recovery of a partition has still to fold; 0 while there is none",
            registry=self.registry,
        )
        self.snapshot_seconds = Histogram(
            "opecom_worker_snapshot_seconds",
            "Time in which a snapshot of a partition's open sessions was written, beside the rounds",
            buckets=SECONDS,
            registry=self.registry,
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

    def count_updates(self, sessions: Sequence[ScoredSession], own: Collection[str] = ()) -> None:
        """Count updates that were acknowledged; `own` are the sites that have a model of their own.

        Programs have no part in the distribution: drift is judged by it, and anybody can send thousands of them.
        """
        self.updates.inc(len(sessions))
        self.probability.observe(
            np.fromiter((session.probability for session in sessions if not session.bot), np.float64)
        )
        if not own:
            self.scored_by({"": sessions[-1].model_version})
            return
        sites = [(base_site(session.site), session.model_version) for session in sessions]
        self.scored_by(
            {site: version for site, version in self._models.items() if site in own}
            | {site if site in own else "": version for site, version in sites}
        )

    def scored_by(self, models: Mapping[str, str]) -> None:
        """Name the models in force, by site; "" is the common one, which stays until another is named."""
        wanted = {"": self._models[""], **models} if "" in self._models else dict(models)
        if wanted == self._models:
            return
        for site, version in self._models.items():
            if wanted.get(site) != version:
                self.model.remove(version, site)
        for site, version in wanted.items():
            self.model.labels(version, site).set(1)
        self._models = wanted

    def forget_partitions(self) -> None:
        """Drop the values of all partitions: only who has a partition now reports it, or it would count twice."""
        for gauge in (self.open_sessions, self.next_offset, self.lag):
            gauge.clear()
