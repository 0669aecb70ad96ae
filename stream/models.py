"""Refuses models that the log names and that cannot score here, before anything of them is folded.

A control that names such a model is refused at its offset, and the model before it goes on. What was refused belongs to
the state of the partition (ADR 8), so that the fold itself stays a function of what it is given.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from ingest.events import UseModel
from scoring.manifest import ModelError
from stream.fold.partition import LogRecord, Partition, controls
from stream.step import ModelLoader

log = logging.getLogger(__name__)


async def refuse_unusable_models(partition: Partition, records: Sequence[LogRecord], models: ModelLoader) -> int:
    """Notes in `partition.refused`, by offset, which of these records name a model that cannot score here.

    The fold then passes them. Returns how many were refused now.
    """
    refused, ahead = 0, partition.models.copy()
    for offset, control in _named(records):
        if offset < partition.next or offset in partition.refused:
            continue
        reason = await _fault(models, control.version) if control.version else ""
        if not reason:
            ahead.apply(control)
            continue
        partition.refused[offset] = reason
        refused += 1
        log.error(
            "partition %d: the control at %d is refused, %s goes on%s: %s",
            partition.number, offset, ahead.of(control.site) or "the default model",
            f" for site {control.site}" if control.site else "", reason,
        )  # fmt: skip
    return refused


async def require_usable(partition: Partition, models: ModelLoader) -> int:
    """See that the models in force can score here, else put the common one before in force, or the default one; where
    it is a site's own, the common one goes on.

    Returns how many could not.
    """
    in_force, unusable = partition.models, 0
    if in_force.common and (reason := await _fault(models, in_force.common)):
        before = in_force.before if in_force.before and not await _fault(models, in_force.before) else ""
        log.error(
            "partition %d: model %s was in force, %s goes on: %s",
            partition.number, in_force.common, before or "the default model", reason,
        )  # fmt: skip
        in_force.common, in_force.before = before, ""
        unusable += 1
    for site, version in list(in_force.sites.items()):
        if reason := await _fault(models, version):
            log.error(
                "partition %d: model %s was in force for site %s, the common one goes on: %s",
                partition.number, version, site, reason,
            )  # fmt: skip
            in_force.drop(site)
            unusable += 1
    return unusable


async def _fault(models: ModelLoader, version: str) -> str:
    """Why the version cannot score here, empty where it can; in a thread, as it may have to be read first."""
    try:
        await asyncio.to_thread(models, version)
    except ModelError as error:
        return str(error)
    return ""


def _named(records: Sequence[LogRecord]) -> Iterator[tuple[int, UseModel]]:
    """The controls that put a model in force, with their offsets."""
    return ((offset, control) for offset, control in controls(records) if isinstance(control, UseModel))
