"""Refuses models that the log names and that cannot score here, before anything of them is folded.

A control that names such a model is refused at its offset, and the model before it goes on. What was refused belongs to
the state of the partition (ADR 8), so that the fold itself stays a function of what it is given.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from ingest.events import UseExperiments, UseModel
from scoring.manifest import ModelError
from stream.fold.partition import LogRecord, Partition, controls
from stream.step import ModelLoader

log = logging.getLogger(__name__)


async def refuse_unusable_models(partition: Partition, records: Sequence[LogRecord], models: ModelLoader) -> int:
    """Notes in `partition.refused`, by offset, which of these records name a model that cannot score here.

    The fold then passes them. Returns how many were refused now.
    """
    refused, ahead, experiments = 0, partition.models.copy(), partition.experiments.version
    for offset, control in controls(records):
        if offset < partition.next or not isinstance(control, UseModel | UseExperiments):
            continue
        if isinstance(control, UseExperiments):
            begun = partition.experiments.begun(experiments, control.version)
            experiments = max(experiments, control.version)
            reason = await _fault_of_experiments(models, begun)
            goes_on = f"{', '.join(begun)} does not begin"
        else:
            reason = await _fault(models, control.version) if control.version else ""
            goes_on = f"{ahead.of(control.site) or 'the default model'} goes on" + (
                f" for site {control.site}" if control.site else ""
            )
            if not reason and offset not in partition.refused:
                ahead.apply(control)
        if reason and offset not in partition.refused:
            partition.refused[offset] = reason
            refused += 1
            log.error("partition %d: the control at %d is refused, %s: %s", partition.number, offset, goes_on, reason)
    return refused


async def require_usable(partition: Partition, models: ModelLoader) -> int:
    """See that the models in force can score here, else put the common one before in force, or the default one; where
    it is a site's own, the common one goes on; where it is an experiment's, no session is in that one.

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
    for name, versions in partition.experiments.models().items():
        if reason := await _fault_of_experiments(models, {name: versions}):
            log.error("partition %d: no session is in experiment %s: %s", partition.number, name, reason)
            partition.experiments.leave_out(name)
            unusable += 1
    return unusable


async def _fault_of_experiments(models: ModelLoader, named: Mapping[str, Iterable[str]]) -> str:
    """Why a model of these experiments cannot score here, empty where all can."""
    for version in sorted({version for versions in named.values() for version in versions}):
        if reason := await _fault(models, version):
            return reason
    return ""


async def _fault(models: ModelLoader, version: str) -> str:
    """Why the version cannot score here, empty where it can; in a thread, as it may have to be read first."""
    try:
        await asyncio.to_thread(models, version)
    except ModelError as error:
        return str(error)
    return ""
