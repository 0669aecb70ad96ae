"""An experiment starts, grows or stops, or a hold-out changes, while workers die; and by an API that dies."""

import asyncio
import itertools
import time

from deploy.chaos.experiment_changes import ExperimentChange, next_change, request_of, what
from deploy.chaos.faults.admin_calls import call, dies_at, is_ready
from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.installation import SITE
from deploy.chaos.points import POINTS
from deploy.log.client_options import kafka_clients
from deploy.log.controls import put_definition
from stream.experiments.definition import HoldoutDefinition
from stream.experiments.history import Experiments
from stream.experiments.ranges import size
from stream.kafka.experiments_topic import read_experiments

#: Seconds in which the topic must be read, and until the kill that follows a change.
READ_WITHIN, AFTERWARDS = 30.0, (0.2, 3.0)
CHANGE_POINTS = tuple(name for name in sorted(POINTS) if name.startswith("api: experiment"))
_next_point = itertools.cycle(CHANGE_POINTS)


def read(context: FaultContext) -> Experiments:
    """Raises KafkaError and TimeoutError."""
    kafka = context.installation.direct.kafka
    return asyncio.run(read_experiments(kafka_clients(kafka), kafka.experiments_topic, READ_WITHIN))


def _changed(context: FaultContext) -> float:
    """The record and its controls, as the API writes them; workers die before it and after it."""
    installation, chance = context.installation, context.chance
    record = _next(context)
    if chance.random() < 0.5:
        installation.kill(installation.any_worker(chance))
    asyncio.run(put_definition(installation.direct.kafka, record))
    context.rest(*AFTERWARDS)
    installation.kill(installation.any_worker(chance))
    context.note = what(record)
    return now()


def _changed_by_api(context: FaultContext) -> float | None:
    """The API dies between two steps of a change; the one that follows brings what it has left."""
    kafka = context.installation.direct.kafka
    if not is_ready(context):
        return None
    record, point = _next(context), next(_next_point)
    method, path, body = _request(context, record)
    passage = context.chance.randint(2, kafka.partitions) if "some partitions" in point else 1
    died = dies_at(context, point, passage, method, path, body)
    ended = now()
    context.note = f"{what(record)}, {point}"
    if is_ready(context):
        call(context, "PUT", f"/holdouts/{SITE}", {"share": context.chance.choice((0, 5, 10))}, READ_WITHIN)
    return ended if died else None


def _next(context: FaultContext) -> ExperimentChange:
    return next_change(read(context), context.chance, int(time.time() * 1000), SITE)


def _request(context: FaultContext, record: ExperimentChange) -> tuple[str, str, object]:
    """Method, path and body of the change; what is to be started has its draft by then."""
    if isinstance(record, HoldoutDefinition):
        return "PUT", f"/holdouts/{record.site}", {"share": record.buckets / 100}
    path = f"/experiments/{record.name}"
    if record.status == "stopped":
        return "POST", f"{path}/stop", None
    if record.name in {each.name for each in read(context).definitions()}:
        return "POST", f"{path}/grow", {"shares": {arm.name: size(arm.ranges) / 100 for arm in record.arms}}
    call(context, "POST", "/experiments", request_of(record))
    return "POST", f"{path}/start", None


EXPERIMENTS = {
    "experiment changed": FaultKind(_changed, weight=2),
    "experiment changed by an API that dies": FaultKind(_changed_by_api),
}
