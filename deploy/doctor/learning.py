"""Whether the system learns by itself, and what came of it for each site, as the query API says."""

import msgspec

from deploy.doctor.finding import Finding
from deploy.doctor.parts import Get
from deploy.processes.probes import ProbeAddress
from storage.learner.answers import LearningRuns

CHECK = "learning"
#: Steps at which somebody should look.
NOTICEABLE = ("proposed", "rolled_back", "failed")


def learning(promotion: str, missing: str, api: ProbeAddress, get: Get) -> list[Finding]:
    """A line for each site; one where nothing is learned; none where the API does not answer, or not to this key."""
    if promotion == "off":
        return [Finding(CHECK, "ok", "off: learning.promotion says so")]
    if missing:
        return [Finding(CHECK, "warning", missing)]
    status, text = get(api, "/learning")
    if status != 200:
        return []
    found = []
    for site in msgspec.json.decode(text, type=LearningRuns).sites:
        run = site.runs[0]
        described = f"{run.site}: {run.step.replace('_', ' ')}{f' {run.candidate}' if run.candidate else ''}"
        line = "; ".join([described, *run.reasons])
        found.append(Finding(CHECK, "warning" if run.step in NOTICEABLE else "ok", line))
    return found
