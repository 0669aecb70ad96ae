"""The records of the topic `experiments`: an experiment, a site's hold-out or an intervention, whole as it is after a
change.

The topic has one partition, is kept for ever and never compacted. The version of a record is its offset plus one.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ingest.events import Millis
from scoring.experiments.names import MetricName
from stream.experiments.assignment import BUCKETS, BucketRange
from stream.experiments.names import ArmName, ExperimentName, ModelVersionName, Salt, SiteName
from stream.interventions.definition import InterventionDefinition

ExperimentKind = Literal["action", "model"]
Unit = Literal["visitor", "session"]
ExperimentStatus = Literal["running", "stopped"]
#: How results are read: at looks that are planned, or at any time (docs/experiments-statistics.md).
ReadingName = Literal["any-time", "planned"]

#: Arms of an experiment; model experiments that run at once in an installation, which a mark may have to name; all
#: that run at once on a site, which a record may have to name.
MOST_ARMS, MOST_MODEL_EXPERIMENTS, MOST_RUNNING = 8, 8, 12
#: Visitors of a plan: a reading needs some hundred in each arm, and no experiment of a shop has more than the most.
FEWEST_PLANNED, MOST_PLANNED = 400, 1_000_000_000


class Arm(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An arm and its buckets. `acts`: whether crossings are delivered, of an action experiment; `model`: the version
    that scores it, of a model experiment, "" being the one that is in force for the site.
    """

    name: ArmName
    ranges: tuple[BucketRange, ...]
    acts: bool = True
    model: ModelVersionName = ""


class ReadingPlan(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the results will be read, written before the start. `planned_visitors`: of all arms, at which it is over.

    `window_days`: what a unit does within so many days of its exposure counts. `decides`: the metric that is decided
    on. `looks`: of a planned reading, equally many visitors apart.
    """

    planned_visitors: Annotated[int, Meta(ge=FEWEST_PLANNED, le=MOST_PLANNED)]
    reading: ReadingName = "any-time"
    looks: Annotated[int, Meta(ge=1, le=28)] = 4
    window_days: Annotated[int, Meta(ge=1, le=90)] = 7
    decides: MetricName = "conversion"


class ExperimentDefinition(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="experiment",
    tag_field="record",
    forbid_unknown_fields=True,
):
    """An experiment of one site. The first arm is the control. Experiments of one layer share its salt, and no bucket.

    `by` is the name of the key that wrote this record; times in ms UTC. `plan` is None where none was made, and in
    records of before there were plans.
    """

    name: ExperimentName
    site: SiteName
    kind: ExperimentKind
    unit: Unit
    layer: ExperimentName
    salt: Salt
    arms: Annotated[tuple[Arm, ...], Meta(min_length=2, max_length=MOST_ARMS)]
    status: ExperimentStatus
    started_at: Millis
    audience: Annotated[str, Meta(max_length=500)] = ""
    stopped_at: Millis | None = None
    by: Annotated[str, Meta(max_length=200)] = ""
    plan: ReadingPlan | None = None


class HoldoutDefinition(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="holdout", tag_field="record", forbid_unknown_fields=True
):
    """The visitors of a site that no experiment and no action reaches: those in the first `buckets` of its salt."""

    site: SiteName
    salt: Salt
    buckets: Annotated[int, Meta(ge=0, le=BUCKETS)]
    changed_at: Millis
    by: Annotated[str, Meta(max_length=200)] = ""


Definition = ExperimentDefinition | HoldoutDefinition | InterventionDefinition

_decoder = msgspec.json.Decoder(Definition)
_encoder = msgspec.json.Encoder()


def encode(record: Definition) -> bytes:
    return _encoder.encode(record)


def decode(value: bytes) -> Definition:
    """Read one record of `experiments`; raises msgspec.DecodeError."""
    record: Definition = _decoder.decode(value)
    return record
