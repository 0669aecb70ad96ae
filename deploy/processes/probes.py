"""What running parts say of themselves over HTTP: whether they are ready, and their counts."""

import http.client
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from storage.write.block import TOPICS


@dataclass(frozen=True, slots=True)
class ProbeAddress:
    """Where a part listens, as this machine reaches it."""

    host: str
    port: int

    @classmethod
    def reached(cls, host: str, port: int) -> "ProbeAddress":
        """The address for a client, where `host` is what the server was told."""
        return cls("127.0.0.1" if host in ("", "0.0.0.0", "::") else host, port)  # noqa: S104 - this is who connects

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


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
SCORED = TOPICS["scored"]
#: Samples of Prometheus, by what they count here; `written` and `waiting` are of scored sessions only.
_SAMPLES = {
    "opecom_ingest_events_total": "accepted",
    "opecom_ingest_refused_total": "refused",
    "opecom_worker_updates_total": "scored",
    "opecom_worker_open_sessions": "open_sessions",
    "opecom_writer_records_total": "written",
    "opecom_writer_lag_records": "waiting",
}


def is_ready(address: ProbeAddress) -> bool:
    """Whether `/readyz` answers 200."""
    return get(address, "/readyz")[0] == 200


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
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = _SAMPLES.get(sample.name)
            if name and sample.labels.get("topic", SCORED) == SCORED:
                yield name, sample.value


def get(address: ProbeAddress, path: str, key: str = "") -> tuple[int, str]:
    """The status and the body, 0 where nobody answers."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", path, headers={"X-OPECOM-Key": key} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
