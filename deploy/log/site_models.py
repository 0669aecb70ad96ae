"""Sites' own models on a log that does not know them yet, as the registry remembers them; loads no model."""

from datetime import UTC, datetime

from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import ScoringSettings, Settings
from ingest.events import UseModel
from scoring.folder import Place, RegistryError, place
from scoring.promotions import Promotion, promotions, remember, site_models


def promotions_folder(scoring: ScoringSettings) -> "Place | None":
    """The registry that remembers promotions, None where nothing may be put into one; raises RegistryError."""
    return place(scoring.registry) if scoring.registry else scoring.own_registry


async def restore_site_models(settings: Settings) -> list[Promotion]:
    """Put them in force before anything is folded; raises SetupError.

    The embedded broker begins a log at each start. A common model needs this not: it stands in the registry, as the
    log's default. What cannot be used the workers refuse, as at any promotion.
    """
    scoring = settings.scoring
    try:
        folder = promotions_folder(scoring)
        known = site_models(folder) if folder is not None else {}
        if folder is None or not known:
            return []
        log, restored = await topics.log_id(kafka_clients(settings.kafka)), []
        for site, version in known.items():
            if promotions(folder, log, site):
                continue
            await controls.write_control(settings.kafka, UseModel(version, site))
            at = datetime.now(UTC).isoformat(timespec="seconds")
            restored.append(Promotion(kind="promote", version=version, before="", log=log, at=at, site=site))
            remember(folder, restored[-1])
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return restored
