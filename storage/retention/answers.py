"""What the routes of retention take and answer. Times in ms UTC."""

from typing import Literal

from msgspec import Struct

from storage.retention.limits import Cutoffs


class RetentionRun(Struct, frozen=True):
    """One run: before which moments it removes rows, and how many of each table it has removed.

    `preview`: how many it would remove now. A run that was killed counts what it had noted by then; the rows of its
    last step may be missing in the count.
    """

    started_at: int
    moved_at: int
    state: Literal["preview", "running", "done"]
    cutoffs: Cutoffs
    removed: dict[str, int]


class RetentionLimit(Struct, frozen=True):
    """What is set of a site, and what a run would remove now: everything before these moments; null: nothing."""

    site: str
    retention_days: int | None
    aggregates_days: int | None
    rows_before: int | None
    aggregates_before: int | None


class RetentionReport(Struct, frozen=True):
    """The limits of all sites, and the runs, the newest first; `waiting_for` says why the newest does not go on.

    A key of some sites gets their limits, and no run, as runs count the rows of all sites together.
    """

    sites: list[RetentionLimit]
    runs: list[RetentionRun]
    waiting_for: str


class RetentionOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of POST /retention: of one site or all, and whether to count alone."""

    site: str = ""
    dry_run: bool = False


STRUCTS: tuple[type[Struct], ...] = (RetentionReport, RetentionRun, RetentionOrder)
