"""What a replay is asked for, and the plan that it makes of that for each partition. Both are kept by the journal."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stream.fold.mark import Mark
from stream.replay import NEVER, Window

SourceName = Literal["kafka", "clickhouse"]
TargetName = Literal["databases", "topic", "file", "features", "nothing"]


class ReplaySelection(Struct, frozen=True, forbid_unknown_fields=True):
    """`since` and `until` are ms UTC by received_at; `model` empty: the models that the log put in force.

    `target` names the topic or the file; `features` is a file, too: a training set. `nothing` is a dry run.
    """

    since: Annotated[int, Meta(ge=0, le=NEVER)] = 0
    until: Annotated[int, Meta(ge=0, le=NEVER)] = NEVER
    site: Annotated[str, Meta(max_length=97)] = ""
    model: Annotated[str, Meta(max_length=64)] = ""
    source: SourceName = "kafka"
    into: TargetName = "databases"
    target: Annotated[str, Meta(max_length=4_096)] = ""
    include_late: bool = False
    diff: bool = False
    #: Of a training set: also sessions of programs.
    bots: bool = False

    @property
    def window(self) -> Window:
        return Window(self.since, self.until, self.site)

    @property
    def reads_databases(self) -> bool:
        """Whether what is told is compared with what is stored."""
        return self.into == "databases" or (self.into == "nothing" and self.diff)


class PartitionPlan(Struct, frozen=True):
    """How one partition is replayed; made once, so that a resumed replay does the same.

    Folding begins at `begin`. It ends at `cut`, or earlier where no session of the window is open after `last`. `tail`
    is where folding begins to find the sessions that are open at the cut.
    """

    partition: int
    begin: Mark
    last: int
    cut: int
    tail: Mark
    #: ClickHouse lacks records of the log that are replayed: they are stored again, too.
    store_log: bool = False

    @property
    def records(self) -> int:
        """Records to fold; 0 where the partition is empty."""
        return max(0, self.last + 1 - self.begin.next)
