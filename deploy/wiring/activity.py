"""Reads the metrics of the parts on this machine for GET /activity."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.counts import samples
from deploy.processes.addresses import addresses
from deploy.processes.probes import ProbeAddress, get
from deploy.settings.model import Settings
from deploy.wiring.keys import probe_key
from storage.live.activity import Activity, AgeBucket

#: Seconds that an answer is kept: each viewer asks every other second.
KEPT = 1.0
_AGE = "opecom_worker_age_seconds_bucket"
#: What becomes of a record that is in no session.
_DEAD = frozenset(("undecodable", "late", "overflow", "failed"))
_OUTCOMES = "opecom_worker_records_total"


def activity(settings: Settings, own: str, own_metrics: Callable[[], str]) -> Callable[[], Activity]:
    """Reads what the parts count, at most once a second; `own_metrics` are those of this process, the part `own`."""
    found, key, lock = addresses(settings), probe_key(settings), Lock()
    kept: tuple[float, Activity] | None = None

    def read() -> Activity:
        nonlocal kept
        with lock:
            if kept is None or monotonic() - kept[0] >= KEPT:
                texts = {name: _metrics(address, key) for name, address in found.items() if name != own}
                kept = monotonic(), summed(texts | {own: own_metrics()}, time.time_ns() // 1_000_000)
            return kept[1]

    return read


def summed(metrics: Mapping[str, str], now_ms: int) -> Activity:
    """The sums over the `/metrics` of the parts by name; empty ones are of parts that did not answer."""
    sums: Counter[str] = Counter()
    ages: Counter[float] = Counter()
    for text in metrics.values():
        for name, value in samples(text):
            sums[name] += int(value)
        counted = "\n".join(line for line in text.splitlines() if line.startswith((_AGE, _OUTCOMES)))
        for family in text_string_to_metric_families(counted):
            for sample in family.samples:
                if sample.name == _AGE:
                    ages[float(sample.labels["le"])] += int(sample.value)
                elif sample.name == _OUTCOMES:
                    sums["dead_letters"] += int(sample.value) if sample.labels["outcome"] in _DEAD else 0
    # GET /activity does not say how much is written.
    sums.pop("written", None)
    buckets = [AgeBucket(None if limit == float("inf") else limit, rounds) for limit, rounds in sorted(ages.items())]
    return Activity(at=now_ms, parts=[name for name, text in metrics.items() if text], ages=buckets, **sums)


def _metrics(address: ProbeAddress, key: str) -> str:
    if not address.port:
        return ""
    status, text = get(address, "/metrics", key)
    return text if status == 200 else ""
