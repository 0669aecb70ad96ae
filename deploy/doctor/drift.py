"""What is not as it was, by the last daily check of each site, as the query API says."""

import msgspec

from deploy.doctor.finding import Finding
from deploy.doctor.parts import Get
from deploy.processes.probes import ProbeAddress
from storage.drift.report import DriftCheckList

CHECK = "drift"


def drift(api: ProbeAddress, get: Get) -> list[Finding]:
    """A line for each site that is checked; none where the API does not answer, or not to this machine's key."""
    status, text = get(api, "/admin/drift/checks")
    if status != 200:
        return []
    found = []
    for each in msgspec.json.decode(text, type=DriftCheckList).checks:
        moved = bool(each.report.moved)
        more = f"; `opecom drift --site {each.site}`" if moved else ""
        found.append(Finding(CHECK, "warning" if moved else "ok", f"{each.headline}{more}"))
    return found
