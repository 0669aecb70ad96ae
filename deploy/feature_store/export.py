"""`opecom features export`: the days of a site as Parquet, one file a day, of those that are not there as they are.

Each file is made beside its place and moved there when it is whole, so an export that is killed goes on where it was.
One slice of rows is in memory at a time.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from deploy.errors import SetupError
from deploy.feature_store.folder import day_file, days_in, part_of
from deploy.feature_store.parquet import fingerprint_in, write_day
from storage.database.locks import lock_file
from storage.feature_store.days import DAY_MS, HOUR_MS, FeatureDay, FeatureDays, OpeningHour

#: Rows of one slice, if no hour has more; of an hour that has, its sessions are divided.
SLICE_ROWS = 50_000
#: How long after a day's end its sessions are closed, ms: at the daily cut in the site's time zone, or before. What is
#: open then is of a log that has ended, and never closes.
ALL_CLOSED = 26 * HOUR_MS
#: A day is looked at so long after its end, ms, when the writer has surely seen all of it.
SETTLED = HOUR_MS


class FeatureSource(Protocol):
    """Where rows come from; times in ms UTC."""

    def days(self, since: int | None, until: int) -> FeatureDays: ...

    def rows(self, since: int, until: int, part: int, parts: int) -> bytes:
        """An Arrow stream."""
        ...


class RowSlice(Struct, frozen=True):
    """Sessions that are asked for at once: their opening, ms UTC, and which part of them."""

    since: int
    until: int
    part: int = 0
    parts: int = 1


class ExportAccount(Struct):
    """Days written, with their rows; days that stood there as they are; files removed as nothing is left of their day;
    days that are not over, or have open sessions.
    """

    written: list[str] = []
    rows: int = 0
    unchanged: int = 0
    removed: list[str] = []
    waiting: list[str] = []


def export(
    source: FeatureSource,
    folder: Path,
    site: str,
    since: int | None,
    until: int,
    now: int,
    report: Callable[[str], None] = lambda _: None,
) -> ExportAccount:
    """Bring the whole days in [since, until) of a site up to date (ms UTC; None: from its first day on).

    Raises SetupError, and what the source raises.
    """
    account, seen = ExportAccount(), set[str]()
    until = min(until, now)
    until -= until % DAY_MS
    since = None if since is None else since - since % DAY_MS
    with _held(folder), _written_to(folder):
        for day in _days(source, since, until):
            seen.add(day.day)
            _export_day(source, folder, site, day, now, account, report)
        if not seen and not source.days(None, until).days:
            # A store that is empty, or another one, must not empty the folder.
            raise SetupError(f"nothing is stored of site {site} in these days: `opecom sites list` has the sites")
        for name in days_in(folder, site):
            if name not in seen and _begin(name) < until and (since is None or _begin(name) >= since):
                day_file(folder, site, name).unlink()
                account.removed.append(name)
    return account


def slices(day: str, hours: Sequence[OpeningHour], most: int = SLICE_ROWS) -> Iterator[RowSlice]:
    """Whole hours with `most` rows at most; an hour of more in parts of its sessions."""
    first, count = _begin(day), 0
    for hour in hours:
        if count and count + hour.updates > most:
            yield RowSlice(first, hour.begin)
            first, count = hour.begin, 0
        if hour.updates > most:
            parts = -(-hour.updates // most)
            yield from (RowSlice(hour.begin, hour.begin + HOUR_MS, part, parts) for part in range(parts))
            first = hour.begin + HOUR_MS
        else:
            count += hour.updates
    if count:
        yield RowSlice(first, _begin(day) + DAY_MS)


def _days(source: FeatureSource, since: int | None, until: int) -> Iterator[FeatureDay]:
    at: int | None = since
    while at is None or at < until:
        found = source.days(at, until)
        yield from found.days
        if found.next is None:
            return
        at = found.next


def _export_day(
    source: FeatureSource,
    folder: Path,
    site: str,
    day: FeatureDay,
    now: int,
    account: ExportAccount,
    report: Callable[[str], None],
) -> None:
    ended = now - _begin(day.day) - DAY_MS
    if ended < (ALL_CLOSED if day.open_sessions else SETTLED):
        account.waiting.append(day.day)
        return
    file = day_file(folder, site, day.day)
    if fingerprint_in(file) == day.fingerprint:
        account.unchanged += 1
        return
    wanted = slices(day.day, day.hours)
    rows = write_day(
        file, day.fingerprint, (source.rows(each.since, each.until, each.part, each.parts) for each in wanted)
    )
    account.written.append(day.day)
    account.rows += rows
    report(f"{day.day}: {rows:,} rows of {day.sessions - day.open_sessions:,} sessions")


def _begin(day: str) -> int:
    """A day's begin, ms UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


@contextlib.contextmanager
def _held(folder: Path) -> Generator[None, None, None]:
    """The folder, for one export at a time."""
    with _written_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = part_of(folder / "export").open("w")
    with lock:
        lock_file(lock, SetupError(f"another export writes to {folder}: wait for it, or name another folder"))
        yield


@contextlib.contextmanager
def _written_to(folder: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"cannot write to {folder}: {error.strerror or error}; the same command goes on from there"
        ) from error
