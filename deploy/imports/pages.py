"""Page statistics of an imported site by its own clock: of each day those of the 30 days before, as live ones are.

Sessions are those of the fold, counts those of `storage/pages/tally.py` but for its share of a network: an import key
is secret, so nobody sends visits to move them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from ingest import collect
from ingest.collect import SenderContext
from ingest.events import Tick, encode
from storage.database.money import ReportingCurrency, main_currency
from storage.pages.smooth import Place, changed, rows
from storage.pages.tally import DAY_MS, Tally
from stream.fold.calendar import Calendars
from stream.fold.mark import Mark
from stream.fold.pages import ANY_PATH, PageRow, PageStatistics
from stream.fold.partition import Partition
from stream.fold.path_patterns import PathPatterns
from stream.fold.result import FoldResult
from stream.fold.session import Session
from stream.scored import SessionUpdate, version_of

#: How many days before a day count.
DAYS = 30


class ImportedRecord(Struct, frozen=True):
    """A record as the fold takes it."""

    offset: int
    key: bytes | None
    value: bytes
    timestamp: int = -1


class ClosingsOnly:
    """Emits sessions as they close, with all their views."""

    def version(self, session: Session, offset: int, closed: bool) -> int | None:
        return version_of(offset, closed) if closed else None


class PageCounts(Struct):
    """Counts of a page over the sessions that opened on one day, and its sales by currency."""

    views: int = 0
    sessions: int = 0
    entrances: int = 0
    exits: int = 0
    bounces: int = 0
    sales: dict[str, float] = {}


class ImportedPages:
    """Folds what is sent, and says which rows are new in force at a time."""

    def __init__(
        self,
        site: str,
        partitions: int,
        sender: SenderContext,
        calendars: Calendars,
        patterns: PathPatterns | None = None,
        reporting: ReportingCurrency | None = None,
    ) -> None:
        self._site = site
        self._sender = sender
        self._patterns = patterns
        self._reporting = reporting
        self._folds = [
            Partition("import", number, calendars, PageStatistics(), Mark(0, {})) for number in range(partitions)
        ]
        self._days: dict[int, dict[str, PageCounts]] = defaultdict(dict)
        self._known: dict[Place, PageRow] = {}

    def add(self, partition: int, body: bytes, events: int) -> None:
        """Take the body of a request to a partition."""
        self._fold(self._folds[partition], collect.batch(body, self._sender, events).in_order())

    def rows_at(self, now: int) -> list[PageRow]:
        """The rows that a refresh would write at this time of the import, in ms UTC; from then on they are in force."""
        for fold in self._folds:
            # Live, ticks close what is silent: here the next event of the partition may be weeks away.
            self._fold(fold, [(None, encode(Tick(self._site, now)))])
        first = now // DAY_MS - DAYS
        for day in [day for day in self._days if day < first]:
            del self._days[day]
        patterns = {} if self._patterns is None else {self._site: self._patterns}
        moved = changed(rows(self._tallies(), self._known, patterns), self._known)
        for row in moved:
            if row.shared and row.path != ANY_PATH:
                self._known.pop((row.site, row.path), None)
            else:
                self._known[row.site, row.path] = row
        return moved

    def _fold(self, fold: Partition, records: Iterable[tuple[bytes | None, bytes]]) -> None:
        result = FoldResult(policy=ClosingsOnly())
        for key, value in records:
            fold.fold(ImportedRecord(fold.next, key, value), result)
        for session in result.sessions:
            if not session.bot:
                self._count(session)

    def _count(self, session: SessionUpdate) -> None:
        day, views = self._days[session.opened_at // DAY_MS], session.views
        bought_at = max((order.at for order in session.orders), default=-1)
        first: dict[str, int] = {}
        for place, view in enumerate(views):
            name = self._name(view.path)
            counts = day.setdefault(name, PageCounts())
            counts.views += 1
            counts.entrances += place == 0
            counts.exits += place == len(views) - 1
            counts.bounces += len(views) == 1
            first.setdefault(name, view.viewed_at)
        for name, viewed_at in first.items():
            day[name].sessions += 1
            if bought_at >= viewed_at:
                for currency, amount in _sales(session):
                    day[name].sales[currency] = day[name].sales.get(currency, 0.0) + amount

    def _name(self, path: str) -> str:
        found = self._patterns.of(path) if self._patterns is not None else None
        return found or path

    def _tallies(self) -> list[Tally]:
        total: dict[str, PageCounts] = {}
        for pages in self._days.values():
            for path, counts in pages.items():
                whole = total.setdefault(path, PageCounts())
                for name in ("views", "sessions", "entrances", "exits", "bounces"):
                    setattr(whole, name, getattr(whole, name) + getattr(counts, name))
                for currency, amount in counts.sales.items():
                    whole.sales[currency] = whole.sales.get(currency, 0.0) + amount
        alone = "" if self._reporting is not None else main_currency(counts.sales for counts in total.values())
        return [
            Tally(self._site, path, *_numbers(counts), self._value(counts, alone)) for path, counts in total.items()
        ]

    def _value(self, counts: PageCounts, alone: str) -> float:
        if self._reporting is None:
            return counts.sales.get(alone, 0.0)
        return sum((self._reporting.rate(each) or 0.0) * amount for each, amount in sorted(counts.sales.items()))


def _numbers(counts: PageCounts) -> tuple[int, int, int, int, int]:
    return counts.views, counts.sessions, counts.entrances, counts.exits, counts.bounces


def _sales(session: SessionUpdate) -> Iterator[tuple[str, float]]:
    for each in session.amounts:
        yield each.currency, each.amount
