"""What went through the system, as the metrics of its parts say."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from deploy.processes.probes import ProbeAddress, get
from storage.write.block import CANONICAL_TOPICS


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """What went through the system since its parts started; open sessions and waiting records are of now."""

    accepted: int = 0
    refused: int = 0
    scored: int = 0
    open_sessions: int = 0
    written: int = 0
    waiting: int = 0

    def line(self) -> str:
        return (
            f"accepted {self.accepted:,} · refused {self.refused:,} · open sessions {self.open_sessions:,} · "
            f"scores {self.scored:,} · written {self.written:,} · waiting {self.waiting:,}"
        )


#: How the writer's metrics name the topic of scored sessions.
SCORED = CANONICAL_TOPICS["scored"]
#: Samples of Prometheus, by what they count here; `written` and `waiting` are of scored sessions only.
_SAMPLES = {
    "opecom_ingest_events_total": "accepted",
    "opecom_ingest_refused_total": "refused",
    "opecom_worker_updates_total": "scored",
    "opecom_worker_open_sessions": "open_sessions",
    "opecom_writer_records_total": "written",
    "opecom_writer_lag_records": "waiting",
}


def counts(addresses: Iterable[ProbeAddress], key: str = "") -> ProbeCounts:
    """The sums over all parts, read with this key; a part that does not answer counts nothing."""
    sums: dict[str, float] = {}
    for address in addresses:
        status, text = get(address, "/metrics", key)
        for name, value in samples(text) if status == 200 else ():
            sums[name] = sums.get(name, 0) + value
    return ProbeCounts(**{name: int(value) for name, value in sums.items()})


def samples(text: str) -> Iterable[tuple[str, float]]:
    """What is counted here of one part's `/metrics`."""
    # Parsing what is not counted would cost most of a look.
    counted = "\n".join(line for line in text.splitlines() if line.startswith(tuple(_SAMPLES)))
    for family in text_string_to_metric_families(counted):
        for sample in family.samples:
            name = _SAMPLES.get(sample.name)
            if name and sample.labels.get("topic", SCORED) == SCORED:
                yield name, sample.value
