"""The model registry: the version that scores loads, whole, and belongs to this program's features."""

from deploy.doctor.finding import Finding
from deploy.settings.model import ScoringSettings
from deploy.wiring.models import registry
from scoring.folder import RegistryError
from scoring.registry import load, versions


def model(scoring: ScoringSettings) -> Finding:
    try:
        folder = registry(scoring)
        manifest = load(folder, scoring.model).manifest
        number = len(versions(folder))
    except RegistryError as error:
        return Finding("model", "fault", str(error))
    chosen = "scoring.model" if scoring.model else "the registry's current one"
    return Finding(
        "model",
        "ok",
        f"{manifest.version} loads ({chosen}; {number} in the registry; feature contract {manifest.contract_version})",
    )
