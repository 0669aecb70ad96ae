"""The records of the topic `experiments`: an experiment, a site's hold-out or an intervention, whole as it is after a
change.

The topic has one partition, is kept for ever and never compacted. The version of a record is its offset plus one.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ingest.events import Millis
from stream.experiments.assignment import BUCKETS, BucketRange
from stream.experiments.names import ArmName, ExperimentName, ModelVersionName, Salt, SiteName
from stream.interventions.definition import InterventionDefinition

ExperimentKind = Literal["action", "model"]
Unit = Literal["visitor", "session"]
ExperimentStatus = Literal["running", "stopped"]

#: Arms of an experiment; model experiments that run at once in an installation, which a mark may have to name; all
#: that run at once on a site, which a record may have to name.
MOST_ARMS, MOST_MODEL_EXPERIMENTS, MOST_RUNNING = 8, 8, 12


class Arm(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An arm and its buckets. `acts`: whether crossings are delivered, of an action experiment; `model`: the version
    that scores it, of a model experiment, "" being the one that is in force for the site.
    """

    name: ArmName
    ranges: tuple[BucketRange, ...]
    acts: bool = True
    model: ModelVersionName = ""


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

    `by` is the name of the key that wrote this record; times in ms UTC.
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
