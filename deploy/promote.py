"""Puts a model in force: checked, announced to every partition of the log, remembered in the registry."""

from datetime import UTC, datetime

from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from deploy.wiring.models import registry
from ingest.events import UseModel
from scoring.folder import Place, RegistryError
from scoring.promotions import Promotion, in_force, promotions, remember
from scoring.registry import SHIPPED, current, load
from scoring.registry import promote as make_current


async def promote(settings: Settings, version: str) -> Promotion:
    """Put this version in force from here on; raises SetupError where it cannot be used or the log does not take it."""
    try:
        folder = registry(settings.scoring)
        load(folder, version)
        log, stack = await _standing(settings, folder)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return await _put(settings, folder, _promotion("promote", version, stack[-1], log))


async def roll_back(settings: Settings) -> Promotion:
    """Put the version in force again that was before the last promotion; raises SetupError as `promote` does."""
    try:
        folder = registry(settings.scoring)
        log, stack = await _standing(settings, folder)
        if len(stack) < 2:
            raise SetupError(
                f"{folder} remembers no promotion on this log that could be taken back: name the version, "
                "`opecom models promote VERSION`"
            )
        load(folder, stack[-2])
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return await _put(settings, folder, _promotion("rollback", stack[-2], stack[-1], log))


async def _put(settings: Settings, folder: Place, promotion: Promotion) -> Promotion:
    """1 the controls, acknowledged for every partition · 2 what is remembered · 3 the current version.

    Where it stops in between, `promote` with the version puts it right: a control that names the version in force
    changes nothing, and what was remembered already is not remembered twice.
    """
    await controls.write_control(settings.kafka, UseModel(promotion.version))
    if folder != SHIPPED:
        try:
            if promotion.version != promotion.before:
                remember(folder, promotion)
            make_current(folder, promotion.version)
        except RegistryError as error:
            raise SetupError(str(error)) from error
    return promotion


async def _standing(settings: Settings, folder: Place) -> tuple[str, list[str]]:
    """The log's name, and the versions that came into force on it, the one in force last."""
    log = await topics.log_id(kafka_clients(settings.kafka))
    return log, in_force(promotions(folder, log)) or [settings.scoring.model or current(folder)]


def _promotion(kind: str, version: str, before: str, log: str) -> Promotion:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Promotion(
        kind="promote" if kind == "promote" else "rollback", version=version, before=before, log=log, at=at
    )
