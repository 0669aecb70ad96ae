"""What the routes of the registry and of promotions take and answer. Plain data."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from scoring.manifest import Manifest
from scoring.promotions import GateOutcome, Promotion
from scoring.shadow.report import ShadowReport
from storage.replay.request import SourceName

Version = Annotated[str, Meta(max_length=64)]
SiteText = Annotated[str, Meta(max_length=97)]
#: judging: its shadow is made. promoting: workers take it. refused: by the gate. The last four are ends.
PromotionState = Literal["judging", "promoting", "done", "refused", "failed", "stopped"]


class ModelInForce(Struct, frozen=True):
    """`site` "": all that have no model of their own. `since` is ISO 8601 (UTC), null where no promotion is
    remembered; `gate` and `refusals` are of that promotion."""

    site: str
    version: str
    since: str | None = None
    gate: GateOutcome = "none"
    refusals: tuple[str, ...] = ()


class ModelRegistry(Struct, frozen=True):
    """`history`: promotions and roll-backs, the newest first. `notice` says why `in_force` may be incomplete, or ""."""

    models: list[Manifest]
    in_force: list[ModelInForce]
    history: list[Promotion]
    notice: str = ""


class ModelVersion(Struct, frozen=True):
    """A version with its card in Markdown, "" where it has none."""

    manifest: Manifest
    card: str


class PromotionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Put `version` in force, of one site or ("") of all without a model of their own, if its shadow of the last `days`
    before `until` (ms UTC, null: now) passes the gate; with `force` also if not, and the reasons are kept."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    site: SiteText = ""
    force: bool = False
    days: Annotated[float, Meta(ge=0.01, le=3_660)] = 7.0
    until: Annotated[int, Meta(ge=0)] | None = None
    source: SourceName = "kafka"


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Put the version in force again that was before the last promotion, of one site or ("") of all."""

    site: SiteText = ""


class PromotionJob(Struct):
    """One promotion or roll-back of this process. `before`: the version in force when it began. `replay`: the job of
    GET /replays that makes its shadow, 0 for none. `refusals`: why the gate refuses it. Times in ms UTC."""

    id: int
    kind: Literal["promote", "rollback"]
    site: str
    version: str
    is_forced: bool
    who: str
    started_at: int
    state: PromotionState
    ended_at: int | None = None
    before: str = ""
    replay: int = 0
    records: int = 0
    done: int = 0
    refusals: list[str] = []
    remarks: list[str] = []
    failure: str = ""
    report: ShadowReport | None = None


class PromotionJobList(Struct, frozen=True):
    """The newest first, without their reports."""

    jobs: list[PromotionJob]


STRUCTS: tuple[type[Struct], ...] = (
    *(ModelRegistry, ModelVersion, PromotionRequest, RollbackRequest, PromotionJob, PromotionJobList),
)
