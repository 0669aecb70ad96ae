"""What the routes of experiments and hold-outs take and answer. Plain data; a share is in percent of the units."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.experiments.assignment import BucketRange
from stream.experiments.definition import MOST_ARMS, ExperimentKind, ReadingPlan, Unit
from stream.experiments.names import ArmName, ExperimentName, ModelVersionName
from stream.experiments.names import SiteName as ExperimentSite

#: To a hundredth of a percent: a bucket is no less.
Share = Annotated[float, Meta(ge=0, le=100)]
State = Literal["draft", "running", "stopped"]


class ArmRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An arm. `acts` null: all arms act but the first. `model` "": the one that is in force for the site."""

    name: ArmName
    share: Share
    model: ModelVersionName = ""
    acts: bool | None = None


class ExperimentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new experiment. The first arm is the control; where an arm names a model it is one of models. Experiments of
    one `layer` share no unit; "": a layer of its own. `plan` says how its results will be read.
    """

    name: ExperimentName
    site: ExperimentSite
    unit: Unit = "visitor"
    arms: Annotated[tuple[ArmRequest, ...], Meta(min_length=2, max_length=MOST_ARMS)]
    audience: Annotated[str, Meta(max_length=500)] = ""
    layer: Annotated[str, Meta(max_length=32)] = ""
    plan: ReadingPlan | None = None


class GrowRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The share of each arm that shall have more; those that are left out stay."""

    shares: Annotated[dict[str, Share], Meta(min_length=1, max_length=MOST_ARMS)]


class HoldoutRequest(Struct, frozen=True, forbid_unknown_fields=True):
    share: Share


class ArmView(Struct, frozen=True):
    """`ranges`: its buckets of 10,000, from the first to before the second; none of a draft's."""

    name: str
    share: float
    acts: bool
    model: str
    ranges: list[BucketRange]


class ExperimentView(Struct, frozen=True, kw_only=True):
    """An experiment. Times in ms UTC; `by` is who changed it last, `version` that of its newest record, 0 of a draft.
    `notices` are lines for the user.
    """

    name: str
    site: str
    kind: ExperimentKind
    unit: Unit
    layer: str
    salt: str
    arms: list[ArmView]
    audience: str
    status: State
    by: str
    version: int = 0
    created_at: int | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    plan: ReadingPlan | None = None
    notices: list[str] = []


class ExperimentList(Struct, frozen=True):
    """Drafts, then those that run, then those that are stopped, each in the order in which they were made."""

    experiments: list[ExperimentView]


class DraftDiscarded(Struct, frozen=True):
    name: str


class HoldoutView(Struct, frozen=True):
    """The visitors of a site that nothing reaches: `share` of them. Times in ms UTC."""

    site: str
    share: float
    salt: str
    changed_at: int
    by: str
    notices: list[str] = []


class HoldoutList(Struct, frozen=True):
    """The sites that ever had one."""

    holdouts: list[HoldoutView]


STRUCTS: tuple[type[Struct], ...] = (
    *(ExperimentRequest, GrowRequest, ExperimentView, ExperimentList, DraftDiscarded),
    *(HoldoutRequest, HoldoutView, HoldoutList),
)
