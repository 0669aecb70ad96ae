"""What the routes of health answer. Plain data; times are ms UTC."""

from typing import Literal

from msgspec import Struct

HealthState = Literal["ok", "warning", "fault"]


class HealthFinding(Struct, frozen=True):
    """What one check found; unless it is ok, `line` says which setting or command fixes it."""

    check: str
    state: HealthState
    line: str


class HealthReport(Struct, frozen=True):
    """What `opecom doctor` finds; `state` is the worst of it, `seconds` is how long the checks took."""

    checked_at: int
    seconds: float
    state: HealthState
    findings: list[HealthFinding]


class PartitionLag(Struct, frozen=True):
    """One partition: its first offset and its end, what the group has committed (null: nothing), records behind."""

    topic: str
    partition: int
    first: int
    end: int
    committed: int | None
    behind: int


class GroupLag(Struct, frozen=True):
    """A part by its consumer group; `members` is null where it reads without joining."""

    part: str
    group: str
    members: int | None
    behind: int
    partitions: list[PartitionLag]


class LagReport(Struct, frozen=True):
    """How far behind each part was at `read_at`."""

    read_at: int
    groups: list[GroupLag]
