"""Puts a model in force: checked, announced to every partition of the log, remembered in the registry."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec
from aiokafka.errors import KafkaError

from deploy.errors import AwayError, SetupError
from deploy.log import controls, topics, uptake
from deploy.log.broker_life import in_one_life
from deploy.log.client_options import kafka_clients
from deploy.log.uptake import PATIENCE
from deploy.processes.audit_file import audited
from deploy.settings.model import Settings
from deploy.wiring.models import writable_registry
from ingest.events import UseModel
from scoring.folder import Place, RegistryError, is_writable
from scoring.promotions import GateOutcome, Promotion, in_force, promotions, remember
from scoring.registry import SHIPPED, current, load
from scoring.registry import promote as make_current

Answer = TypeVar("Answer")
#: Hears a line for the user.
Notify = Callable[[str], None]


class NotTakenError(SetupError):
    """Workers refused the model; the line says which partitions, and why."""

    exit_code = 1


async def promote(
    settings: Settings,
    version: str,
    patience: float = PATIENCE,
    notify: Notify = print,
    gate: GateOutcome = "none",
    refusals: Sequence[str] = (),
    site: str = "",
    who: str = "",
) -> Promotion:
    """Put this version in force from here on, of one site or of all, and wait until the workers have taken it.

    What the gate said of it is remembered with the promotion; whoever calls has asked it. `who` stands in the audit
    trail, "" the user of this process. Raises SetupError where the
    version cannot be used, the log does not take it or workers refuse it; `notify` hears of workers that have not read
    it within `patience` seconds.
    """
    try:
        folder = writable_registry(settings.scoring)
        load(folder, version)
        log, stack = await _standing(settings, folder, site)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    promotion = _promotion("promote", version, stack[-1], log, site)
    judged = msgspec.structs.replace(promotion, gate=gate, refusals=tuple(refusals))
    action = "promote against the gate" if gate == "forced" else "promote"
    with audited(settings, action, site, f"{version} in place of {_named(promotion.before)}", who):
        return await _put(settings, folder, judged, patience, notify)


async def version_in_force(settings: Settings, site: str = "") -> str:
    """The version that scores a site now, or those without a model of their own; raises SetupError."""
    try:
        folder = writable_registry(settings.scoring)
        _, own = await _standing(settings, folder, site)
        _, common = await _standing(settings, folder)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return own[-1] or common[-1]


async def roll_back(
    settings: Settings, patience: float = PATIENCE, notify: Notify = print, site: str = "", who: str = ""
) -> Promotion:
    """Put the version in force again that was before the last promotion, of a site or of all; raises SetupError as
    `promote` does. A site whose own model was the first is scored by the common one again."""
    try:
        folder = writable_registry(settings.scoring)
        log, stack = await _standing(settings, folder, site)
        if len(stack) < 2:
            raise SetupError(
                f"{folder} remembers no promotion{f' of site {site}' if site else ''} on this log that could be taken "
                "back: name the version, `opecom models promote VERSION`"
            )
        if stack[-2]:
            load(folder, stack[-2])
    except RegistryError as error:
        raise SetupError(str(error)) from error
    rollback = _promotion("rollback", stack[-2], stack[-1], log, site)
    with audited(settings, "roll back", site, f"{_named(stack[-2])} in place of {stack[-1]}", who):
        return await _put(settings, folder, rollback, patience, notify)


async def _put(settings: Settings, folder: Place, promotion: Promotion, patience: float, notify: Notify) -> Promotion:
    """1 the controls, acknowledged for every partition · 2 the workers · 3 what is remembered · 4 the current version.

    What every worker refused is in force nowhere, and is not remembered. Where it stops in between, `promote` with the
    version puts it right: a control that names the version in force changes nothing, and what was remembered already
    is not remembered twice.
    """
    if folder != SHIPPED and not is_writable(folder):
        raise SetupError(
            f"{folder} (scoring.registry) cannot be written here, where promotions are remembered: run it where the "
            "registry can be written, or give this part such a folder"
        )
    kafka = settings.kafka
    dead_from = await _answered(in_one_life(kafka, lambda: uptake.dead_ends(settings)))
    written = await controls.write_control(kafka, UseModel(promotion.version, promotion.site))
    taken = await _answered(in_one_life(kafka, lambda: uptake.uptake(settings, written, dead_from or {}, patience)))
    if taken is not None and len(taken.refused) == len(written):
        goes_on = _named(promotion.before)
        raise NotTakenError(f"no worker has taken {promotion.version}, {goes_on} goes on: {taken.refusals()}")
    if folder != SHIPPED:
        try:
            if promotion.version != promotion.before:
                remember(folder, promotion)
            if not promotion.site:
                make_current(folder, promotion.version)
        except RegistryError as error:
            raise SetupError(str(error)) from error
    if taken is None:
        notify("Kafka does not say whether the workers have taken it: see opecom_worker_refused_models_total")
    elif taken.waiting:
        notify(
            f"partition {uptake.listed(taken.waiting)}: no worker has read it within {patience:g} s; one takes it "
            "when it runs, or refuses it in its log"
        )
    if taken is not None and taken.refused:
        raise NotTakenError(
            f"{promotion.version} is in force in some partitions only; give all workers one registry, then promote it "
            f"again: {taken.refusals()}"
        )
    return promotion


def _named(version: str) -> str:
    return version or "the common model"


async def _answered(question: Awaitable[Answer]) -> Answer | None:
    """What Kafka answers; None where it does not."""
    try:
        return await question
    except (KafkaError, OSError, TimeoutError, AwayError):
        return None


async def _standing(settings: Settings, folder: Place, site: str = "") -> tuple[str, list[str]]:
    """The log's name, and the versions that came into force on it, the one in force last; of a site "" is the common
    one."""
    log = await in_one_life(settings.kafka, lambda: topics.log_id(kafka_clients(settings.kafka)))
    default = "" if site else settings.scoring.model or current(folder)
    return log, in_force(promotions(folder, log, site)) or [default]


def _promotion(kind: Literal["promote", "rollback"], version: str, before: str, log: str, site: str) -> Promotion:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Promotion(kind=kind, version=version, before=before, log=log, at=at, site=site)
