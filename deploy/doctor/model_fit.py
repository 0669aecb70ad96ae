"""Whether live scores fit each shop, as the query API says."""

import msgspec

from deploy.doctor.finding import Finding
from deploy.doctor.parts import Get
from deploy.processes.probes import ProbeAddress
from storage.query.model_fit import ModelFits

CHECK = "model fit"


def model_fit(api: ProbeAddress, get: Get) -> list[Finding]:
    """A line for each site with enough buyers; none where the API does not answer, or not to this machine's key."""
    status, text = get(api, "/admin/model-fit")
    if status != 200:
        return []
    fits = msgspec.json.decode(text, type=ModelFits).fits
    return [Finding(CHECK, "warning" if fit.verdict == "misleads" else "ok", fit.text) for fit in fits]
