"""The parts that should run here: alive, ready, ours, and of this version."""

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from deploy.doctor.finding import Finding, State
from deploy.processes.probes import ProbeAddress

#: What metrics answer to who has no key that opens them.
CLOSED = (401, 403)
Get = Callable[[ProbeAddress, str], tuple[int, str]]


def part(name: str, setting: str, address: ProbeAddress, own: str, elsewhere: bool, get: Get) -> Finding:
    """One part; `own` is this installation's version, `elsewhere` says that the part may run on another machine."""
    if not address.port:
        return Finding(name, "ok", f"tells nothing of itself: {setting} is 0")
    where = f"{address.url} ({setting})"
    if get(address, "/livez")[0] != 200:
        state: State = "warning" if elsewhere else "fault"
        place = ", or run `opecom doctor` on the machine where it runs" if elsewhere else ""
        return Finding(name, state, f"nobody answers at {where}: start {start(name, elsewhere)}{place}")
    refused, metrics = get(address, "/metrics")
    version = own if refused in CLOSED else build(metrics, name)
    if version is None:
        return Finding(name, "fault", f"what answers at {where} is not our {name}: give one of them another port")
    status, text = get(address, "/readyz")
    if status != 200:
        return Finding(name, "fault", f"{where} is not ready ({' '.join(text.split())[:200]}): see its log")
    if version != own:
        return Finding(name, "warning", f"{where} is op-ecom {version}, here is {own}: install one version everywhere")
    described = "; its version is for a key of api.read_keys" if refused in CLOSED else f", op-ecom {version}"
    return Finding(name, "ok", f"{where} is alive and ready{described}")


def start(name: str, elsewhere: bool) -> str:
    return f"`opecom run {name}`" if elsewhere else "the system, `opecom up`"


def build(metrics: str, name: str) -> str | None:
    """The version that this part's metrics tell; None where they are not this part's."""
    wanted = {"store": "api"}.get(name, name)
    try:
        families = list(text_string_to_metric_families(metrics))
    except ValueError:
        return None
    for family in families:
        for sample in family.samples:
            if sample.name == "opecom_build_info" and sample.labels.get("part") == wanted:
                return sample.labels["version"]
    return None
