"""The records that a change of experiments writes, from what is known before it. Pure; raises ReadError."""

from collections.abc import Mapping

import msgspec

from scoring.experiments.names import FEWEST_VISITORS
from storage.experiments.answers import ArmView, ExperimentRequest, ExperimentView, HoldoutView
from storage.experiments.drafts import ExperimentDraft
from storage.http.errors import ReadError
from stream.experiments.assignment import BUCKETS, BucketRange
from stream.experiments.conditions import ConditionError
from stream.experiments.definition import Arm, ExperimentDefinition, ExperimentKind, HoldoutDefinition
from stream.experiments.history import Experiments
from stream.experiments.names import ExperimentName
from stream.experiments.ranges import RangeError, grown, size
from stream.experiments.rules import compile_audience


def buckets_of(share: float) -> int:
    """The buckets of a share in percent; raises ReadError(invalid) where it is finer than a bucket."""
    wanted = share * BUCKETS / 100
    if abs(wanted - round(wanted)) > 1e-6:
        raise ReadError("invalid", f"share: {share:g} % is finer than a hundredth of a percent")
    return round(wanted)


def kind_of(request: ExperimentRequest) -> ExperimentKind:
    return "model" if any(arm.model for arm in request.arms) else "action"


def check_draft(request: ExperimentRequest) -> None:
    """Raise ReadError(invalid) for what could never be started."""
    kind = kind_of(request)
    try:
        compile_audience(request.audience, kind)
    except ConditionError as error:
        raise ReadError("invalid", f"audience: {error}") from error
    try:
        # A record with another one could be written, and read by nobody.
        msgspec.convert(request.layer or request.name, ExperimentName)
    except msgspec.ValidationError:
        raise ReadError(
            "invalid", "layer: a layer is named as an experiment is, with up to 32 of a-z 0-9 _ -"
        ) from None
    names = [arm.name for arm in request.arms]
    if len(set(names)) < len(names):
        raise ReadError("invalid", "arms: two have one name")
    if kind == "model" and any(arm.acts is not None for arm in request.arms):
        raise ReadError("invalid", "acts: an experiment of models holds nothing back")
    if sum(buckets_of(arm.share) for arm in request.arms) > BUCKETS:
        raise ReadError("invalid", "arms: their shares are more than 100 % together")
    fewest = 2 * FEWEST_VISITORS * len(request.arms)
    if request.plan is not None and request.plan.planned_visitors < fewest:
        raise ReadError("invalid", f"plan: planned_visitors must be {fewest} or more for {len(names)} arms")


def started(draft: ExperimentDraft, experiments: Experiments, now: int, by: str) -> ExperimentDefinition:
    """The first record of an experiment: its arms take the lowest free buckets of its layer, whose salt it has."""
    request = draft.request
    layer = request.layer or request.name
    of_layer = [each for each in experiments.definitions() if (each.site, each.layer) == (request.site, layer)]
    sizes = [buckets_of(arm.share) for arm in request.arms]
    ranges = _grown([()] * len(sizes), sizes, of_layer)
    return ExperimentDefinition(
        name=request.name,
        site=request.site,
        kind=kind_of(request),
        unit=request.unit,
        layer=layer,
        salt=of_layer[0].salt if of_layer else draft.salt,
        arms=tuple(
            [
                Arm(wanted.name, own, _acts(request, number), wanted.model)
                for number, (wanted, own) in enumerate(zip(request.arms, ranges, strict=True))
            ]
        ),
        status="running",
        started_at=now,
        audience=request.audience.strip(),
        by=by,
        plan=request.plan,
    )


def with_shares(
    before: ExperimentDefinition, shares: Mapping[str, float], experiments: Experiments, by: str
) -> ExperimentDefinition:
    """The record after which these arms have these shares."""
    unknown = shares.keys() - {arm.name for arm in before.arms}
    if unknown:
        known = ", ".join(arm.name for arm in before.arms)
        raise ReadError("invalid", f"shares: {', '.join(sorted(unknown))}: the arms are {known}")
    others = [
        each
        for each in experiments.definitions()
        if (each.site, each.layer) == (before.site, before.layer) and each.name != before.name
    ]
    sizes = [buckets_of(shares[arm.name]) if arm.name in shares else size(arm.ranges) for arm in before.arms]
    ranges = _grown([arm.ranges for arm in before.arms], sizes, others)
    arms = [msgspec.structs.replace(arm, ranges=own) for arm, own in zip(before.arms, ranges, strict=True)]
    return msgspec.structs.replace(before, arms=tuple(arms), by=by)


def ended(before: ExperimentDefinition, now: int, by: str) -> ExperimentDefinition:
    return msgspec.structs.replace(before, status="stopped", stopped_at=max(now, before.started_at), by=by)


def _grown(
    arms: list[tuple[BucketRange, ...]], sizes: list[int], of_layer: list[ExperimentDefinition]
) -> list[tuple[BucketRange, ...]]:
    taken = [place for each in of_layer if each.status == "running" for arm in each.arms for place in arm.ranges]
    try:
        return grown(arms, sizes, taken)
    except RangeError as error:
        raise ReadError("conflict", str(error)) from error


def _acts(request: ExperimentRequest, number: int) -> bool:
    """The control of actions holds back, if it does not say otherwise; arms of models act."""
    given = request.arms[number].acts
    return number > 0 or kind_of(request) == "model" if given is None else given


def view_of_draft(draft: ExperimentDraft) -> ExperimentView:
    request = draft.request
    arms = [
        ArmView(arm.name, arm.share, _acts(request, number), arm.model, []) for number, arm in enumerate(request.arms)
    ]
    return ExperimentView(
        name=request.name,
        site=request.site,
        kind=kind_of(request),
        unit=request.unit,
        layer=request.layer or request.name,
        salt=draft.salt,
        arms=arms,
        audience=request.audience,
        status="draft",
        by=draft.created_by,
        created_at=draft.created_at,
        plan=request.plan,
    )


def view_of(record: ExperimentDefinition, version: int, notices: list[str] | None = None) -> ExperimentView:
    arms = [
        ArmView(arm.name, size(arm.ranges) * 100 / BUCKETS, arm.acts, arm.model, list(arm.ranges))
        for arm in record.arms
    ]
    return ExperimentView(
        name=record.name,
        site=record.site,
        kind=record.kind,
        unit=record.unit,
        layer=record.layer,
        salt=record.salt,
        arms=arms,
        audience=record.audience,
        status=record.status,
        by=record.by,
        version=version,
        started_at=record.started_at,
        stopped_at=record.stopped_at,
        plan=record.plan,
        notices=notices or [],
    )


def view_of_holdout(record: HoldoutDefinition, notices: list[str] | None = None) -> HoldoutView:
    share = record.buckets * 100 / BUCKETS
    return HoldoutView(record.site, share, record.salt, record.changed_at, record.by, notices or [])
