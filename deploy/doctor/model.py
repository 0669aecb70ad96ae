"""The model registry: the version that scores loads, whole, and belongs to this program's features."""

from deploy.doctor.finding import Finding
from deploy.settings import ScoringSettings
from scoring.registry import SHIPPED, RegistryError, load, versions


def model(scoring: ScoringSettings) -> Finding:
    folder = scoring.registry or SHIPPED
    try:
        manifest = load(folder, scoring.model).manifest
    except RegistryError as error:
        return Finding("model", "fault", str(error))
    number = len(versions(folder))
    chosen = "scoring.model" if scoring.model else "the registry's current one"
    return Finding(
        "model",
        "ok",
        f"{manifest.version} loads ({chosen}; {number} in the registry; feature contract {manifest.contract_version})",
    )
