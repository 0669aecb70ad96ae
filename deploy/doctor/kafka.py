"""Kafka: which release it is, whether the groups keep up and have members, what time its newest records have."""

from collections.abc import Mapping

from deploy.doctor.finding import Finding, State
from deploy.log.topics import Fault

#: Records behind that are more than a moment's work.
FAR_BEHIND = 10_000
#: Requests by their number, and the first release of Apache Kafka that takes them; no broker tells its release itself.
_SINCE = ((90, "4.1"), (76, "4.0"), (75, "3.8"), (68, "3.7"))


def kafka(where: str, cluster: str, brokers: int, requests: Mapping[int, object]) -> Finding:
    """What the cluster is; `requests` are the numbers of those that it takes."""
    number = f"{brokers} broker{'s' * (brokers != 1)}"
    return Finding("Kafka", "ok", f"{where} answers: {release(requests)}, cluster {cluster}, {number}")


def release(requests: Mapping[int, object]) -> str:
    since = next((name for number, name in _SINCE if number in requests), "")
    return f"Apache Kafka {since} or newer" if since else "a broker that takes what Kafka before 3.7 took"


def topics(faults: list[Fault], names: list[str]) -> list[Finding]:
    """What deploy.topics.check found; what it can fix does no harm to data yet."""
    found = [
        Finding("topics", "warning", f"{fault.line}: `opecom topics create` fixes it")
        if fault.repair
        else Finding("topics", "fault", fault.line)
        for fault in faults
    ]
    return found or [Finding("topics", "ok", f"{', '.join(names)} are as they must be")]


def group(check: str, part: str, members: int | None, behind: int) -> Finding:
    """Whether a group keeps up; `members` is None where its part reads without joining it."""
    lag = f"{behind:,} records behind"
    if members == 0:
        state: State = "fault" if behind else "warning"
        return Finding(check, state, f"nobody is in the group, {lag}: start `opecom run {part}`")
    who = "reads alone" if members is None else f"{members} in the group"
    if behind > FAR_BEHIND:
        line = f"{who}, {lag}: see whether it gets less; if not, start another `opecom run {part}`"
        return Finding(check, "warning", line)
    return Finding(check, "ok", f"{who}, {lag}")
