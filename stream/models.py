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
    refused, goes_on = 0, partition.model
    for offset, version in _named(records):
        if offset < partition.next or offset in partition.refused:
            continue
        reason = await _fault(models, version)
        if not reason:
            goes_on = version
        else:
            partition.refused[offset] = reason
            refused += 1
            log.error(
                "partition %d: the control at %d is refused, %s goes on: %s",
                partition.number, offset, goes_on or "the default model", reason,
            )  # fmt: skip
    return refused


async def require_usable(partition: Partition, models: ModelLoader) -> int:
    """See that the model in force can score here, else put the one before it in force, or the default one.

    Returns 1 where it could not, else 0.
    """
    reason = await _fault(models, partition.model) if partition.model else ""
    if not reason:
        return 0
    before = (
        partition.previous_model
        if partition.previous_model and not await _fault(models, partition.previous_model)
        else ""
    )
    log.error(
        "partition %d: model %s was in force, %s goes on: %s",
        partition.number, partition.model, before or "the default model", reason,
    )  # fmt: skip
    partition.model, partition.previous_model = before, ""
    return 1


async def _fault(models: ModelLoader, version: str) -> str:
    """Why the version cannot score here, empty where it can; in a thread, as it may have to be read first."""
    try:
        await asyncio.to_thread(models, version)
    except ModelError as error:
        return str(error)
    return ""


def _named(records: Sequence[LogRecord]) -> Iterator[tuple[int, str]]:
    """Offset and version of the controls that put a model in force."""
    return ((offset, control.version) for offset, control in controls(records) if isinstance(control, UseModel))
