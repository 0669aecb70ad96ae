"""What a check of stored features found: the differences to the log, counted, and the first of them named. Pure."""

from msgspec import Struct, field

#: Differences that a report names.
MOST_NAMED = 100

Value = float | int | str | bool | None


class FeatureDifference(Struct, frozen=True):
    """One value; `feature` is empty where the whole update is stored and not in the log, or the other way round."""

    site: str
    session_id: str
    opened_at: int
    partition: int
    offset: int
    feature: str
    stored: Value = None
    computed: Value = None
    is_stored: bool = True
    is_computed: bool = True


class FeatureCheckReport(Struct):
    """What a check found.

    One in so many sessions was compared. `different` counts all differences, `differences` are the first of them.
    `earlier_sessions` are stored of logs that are gone, which nothing can fold again.
    """

    sample: int = 0
    one_in: int = 1
    seed: int = 0
    sessions: int = 0
    updates: int = 0
    different: int = 0
    earlier_sessions: int = 0
    differences: list[FeatureDifference] = field(default_factory=list)

    def add(self, difference: FeatureDifference) -> None:
        self.different += 1
        if len(self.differences) < MOST_NAMED:
            self.differences.append(difference)
