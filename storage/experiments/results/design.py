"""What an experiment is read as: its design and rule, from its records in the log and from what is asked. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from scoring.experiments.labels import CountingRule
from scoring.experiments.reading import ExperimentDesign
from storage.experiments.results.answers import ReadingRule
from storage.http.errors import ReadError
from stream.experiments.assignment import BucketRange, bucket, contains
from stream.experiments.definition import ExperimentDefinition, ReadingName, ReadingPlan
from stream.experiments.ranges import size

#: Where there is no plan: visitors of both arms, and the reading that may be looked at whenever somebody does.
UNPLANNED = ReadingPlan(planned_visitors=20_000)
#: Whether a unit, by its id, is read.
IsRead = Callable[[str], bool]


class ReadDesign(NamedTuple):
    """`arms`: those that are read, of all; `is_read`: the units, None for all. `notices` are lines for the user."""

    design: ExperimentDesign
    counting: CountingRule
    rule: ReadingRule
    is_read: IsRead | None
    notices: list[str]


def read_design(
    changes: Sequence[ExperimentDefinition], reading: ReadingName | None = None, looks: int | None = None
) -> ReadDesign:
    """Of all records of an experiment, the oldest first. Raises ReadError(conflict) where no two arms have units,
    ExperimentError for a plan that nobody can read.

    Arms that grew by different factors have visitors of different times. Then only units are read that the first
    record gave to an arm: these had the same chance all the time.
    """
    first, newest = changes[0], changes[-1]
    plan = newest.plan or UNPLANNED
    wanted = ReadingRule(
        reading=reading or plan.reading,
        planned_visitors=plan.planned_visitors,
        looks=looks or plan.looks,
        window_days=plan.window_days,
        decides=plan.decides,
        is_written_before=newest.plan is not None and reading in (None, plan.reading) and looks in (None, plan.looks),
    )
    has_units = [arm for arm in first.arms if arm.ranges]
    if len(has_units) < 2 or not first.arms[0].ranges:
        raise ReadError("conflict", f"{newest.name}: its control and another arm must have had a share from the start")
    notices = [f"arm {arm.name} had no share at the start and is not read" for arm in first.arms if not arm.ranges]
    is_read = None
    if not _grew_alike(changes):
        share = sum(size(arm.ranges) for arm in has_units) / sum(size(arm.ranges) for arm in newest.arms)
        notices.append(
            f"its arms grew by different factors: only units that were in an arm from the start are read, {share:.0%}"
        )
        is_read = _within(newest.salt, [place for arm in first.arms for place in arm.ranges])
    design = ExperimentDesign(
        arms=tuple([arm.name for arm in has_units]),
        shares=tuple([float(size(arm.ranges)) for arm in has_units]),
        planned_visitors=wanted.planned_visitors,
        reading="any time" if wanted.reading == "any-time" else "planned looks",
        decides=wanted.decides,
        look_at=tuple([(each + 1) / wanted.looks for each in range(wanted.looks)]),
    )
    return ReadDesign(
        design, CountingRule(started_at=first.started_at, window_days=plan.window_days), wanted, is_read, notices
    )


def _grew_alike(changes: Sequence[ExperimentDefinition]) -> bool:
    first = [size(arm.ranges) for arm in changes[0].arms]
    return all(
        size(arm.ranges) * first[0] == own * size(change.arms[0].ranges)
        for change in changes
        for arm, own in zip(change.arms, first, strict=True)
    )


def _within(salt: str, ranges: Sequence[BucketRange]) -> IsRead:
    return lambda unit: contains(ranges, bucket(salt, unit))
