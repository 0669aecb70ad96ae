"""Whether rows go when their site's limit says so, and whether Kafka keeps them longer."""

from collections.abc import Mapping

import msgspec

from deploy.doctor.finding import Finding
from deploy.doctor.parts import Get
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import KafkaSettings
from storage.retention.answers import RetentionReport
from storage.retention.limits import DAY_MS, SiteRetention

CHECK = "retention"
#: A run is late so long after the begin of its day, ms.
LATE_MS = 2 * DAY_MS


def kafka_keeps(kafka: KafkaSettings, limits: Mapping[str, SiteRetention], in_memory: bool) -> list[Finding]:
    """A warning for each topic that keeps events longer than the shortest limit; a broker in memory keeps no file."""
    known = {name: each.rows_days for name, each in limits.items() if each.rows_days is not None}
    if not known or in_memory:
        return []
    site = min(known, key=lambda name: known[name])
    topics = (("events_retention_hours", kafka.events_topic), ("scored_retention_hours", kafka.scored_topic))
    return [
        Finding(
            CHECK,
            "warning",
            f"{topic} keeps records for {getattr(kafka, name):,} h, sites.{site}.retention_days is {known[site]}: set "
            f"kafka.{name} to {24 * known[site]} or less, then `opecom topics create`",
        )
        for name, topic in topics
        if getattr(kafka, name) > 24 * known[site]
    ]


def retention(limits: Mapping[str, SiteRetention], api: ProbeAddress, get: Get, now: int) -> list[Finding]:
    """One line, where a site has a limit and the API answers this machine's key; `now` in ms UTC."""
    known = [f"{name} {each.rows_days} days" for name, each in limits.items() if each.rows_days is not None]
    if not known:
        return []
    status, text = get(api, "/retention")
    if status != 200:
        return []
    report = msgspec.json.decode(text, type=RetentionReport)
    done = next((run for run in report.runs if run.state == "done"), None)
    kept = f"rows are kept: {', '.join(known)}"
    if done is None or now - done.started_at > LATE_MS:
        why = f" ({report.waiting_for})" if report.waiting_for else ""
        return [Finding(CHECK, "warning", f"{kept}; nothing was removed for two days{why}: `opecom retention run`")]
    return [Finding(CHECK, "ok", f"{kept}; the last run removed {sum(done.removed.values()):,} rows")]
