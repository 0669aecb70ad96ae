"""Page statistics by the clock of an import: of each day those of the days before, and the same after a kill."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.imports.deliver import DailyPages
from deploy.imports.pages import ImportedPages
from deploy.imports.run import sender_context
from ingest.events import UsePages, encode
from storage.database.money import ReportingCurrency
from storage.pages.smooth import rows
from storage.pages.tally import DAY_MS, Tally
from stream.fold.calendar import Calendars
from stream.fold.pages import PageRow, PagesMarker, PageStatistics
from stream.fold.path_patterns import PathPatterns
from tests.support.events import NOON
from tests.support.history import PARTITIONS, SETTINGS, SITE, LogSender, import_into, sessions, view, write_lines

MIDNIGHT = (NOON // DAY_MS + 1) * DAY_MS


class PagesInLog:
    """Puts versions of page statistics into a log in memory, as `controls.put_pages` does."""

    def __init__(self, sender: LogSender, statistics: PageStatistics | None = None) -> None:
        self.statistics = statistics or PageStatistics()
        self.written: list[list[PageRow]] = []
        self._sender = sender

    async def put(self, made: Sequence[PageRow]) -> int:
        self.written.append(list(made))
        for row in made:
            self.statistics.read(self.statistics.records, msgspec.structs.replace(row, batch="b"))
        version = self.statistics.records
        self.statistics.read(version, PagesMarker("b", len(made)))
        for records in self._sender.log:
            records.append((None, encode(UsePages(version))))
        return version


def counted(patterns: PathPatterns | None = None, reporting: ReportingCurrency | None = None) -> ImportedPages:
    return ImportedPages(SITE, PARTITIONS, sender_context(SETTINGS, SITE), Calendars({}), patterns, reporting)


def visit(session: str, at: int, *paths: str, amount: float = 0, currency: str = "EUR") -> list[dict[str, Any]]:
    made = [view(session, at + place * 1_000, path) for place, path in enumerate(paths)]
    if amount:
        purchase = {"amount": amount, "currency": currency, "order_id": session}
        made.append({"type": "purchase", "session_id": session, "occurred_at": at + 60_000, "purchase": purchase})
    return made


def history() -> list[dict[str, Any]]:
    """Ten visits on the first day, of which five buy; one on each of three later days."""
    made = []
    for number in range(5):
        made += visit(f"bounce{number}", NOON + number * 60_000, "/a")
        made += visit(f"buyer{number}", NOON + number * 60_000, "/a", "/b", amount=10)
    for name, day in (("next", 1), ("third", 2), ("late", 45)):
        made += visit(name, NOON + day * DAY_MS, "/a", "/b")
    return made


def test_a_day_has_the_statistics_of_the_days_before(tmp_path: Path) -> None:
    sender = LogSender()
    log, file = PagesInLog(sender), write_lines(tmp_path / "h", reversed(history()))
    import_into(sender, tmp_path, [file], pages=DailyPages(counted(), log.put))
    expected = rows([Tally(SITE, "/a", 10, 10, 10, 5, 5, 50.0), Tally(SITE, "/b", 5, 5, 0, 5, 0, 50.0)])
    assert sorted(log.written[0], key=str) == sorted(expected, key=str)

    by_path = {row.path: row for row in expected}
    found = sessions(sender.log, NOON + 45 * DAY_MS, log.statistics)
    first = found[f"{SITE}/buyer0"][-1]["features"]
    assert (first["BounceRates"], first["PageValues"]) == (0, 0)
    after = found[f"{SITE}/next"][-1]["features"]
    assert after["BounceRates"] == pytest.approx((by_path["/a"].bounce_rate + by_path["/b"].bounce_rate) / 2)
    assert after["PageValues"] == pytest.approx((by_path["/a"].page_value + by_path["/b"].page_value) / 2)
    # After 30 days without a visit a page shares the site's statistics, which know of no sale any more.
    assert found[f"{SITE}/late"][-1]["features"]["PageValues"] == 0


@pytest.mark.parametrize("survives", [0, 3, 6, 7, 8])
def test_a_killed_import_has_the_same_statistics(tmp_path: Path, survives: int) -> None:
    file, whole = write_lines(tmp_path / "h", history()), LogSender()
    log = PagesInLog(whole)
    import_into(whole, tmp_path / "whole", [file], pages=DailyPages(counted(), log.put))
    dying = LogSender(survives=survives)
    before = PagesInLog(dying)
    with pytest.raises(KeyboardInterrupt):
        import_into(dying, tmp_path / "killed", [file], pages=DailyPages(counted(), before.put))
    after = LogSender(dying.log)
    rest = PagesInLog(after, before.statistics)
    import_into(after, tmp_path / "killed", [file], pages=DailyPages(counted(), rest.put))
    assert [*before.written, *rest.written] == log.written
    end = NOON + 45 * DAY_MS
    assert sessions(after.log, end, rest.statistics) == sessions(whole.log, end, log.statistics)


def test_values_are_in_the_reporting_currency_and_patterns_count_as_one_page(tmp_path: Path) -> None:
    made = []
    for number in range(6):
        made += visit(f"e{number}", NOON, f"/order/{number}", amount=10)
        made += visit(f"u{number}", NOON, f"/order/{number}", amount=10, currency="USD")
        made += visit(f"y{number}", NOON, f"/order/{number}", amount=10, currency="JPY")
    made += visit("next", NOON + DAY_MS, "/order/9")
    sender, patterns = LogSender(), PathPatterns(["/order/*"])
    log = PagesInLog(sender)
    pages = counted(patterns, ReportingCurrency("EUR", {"USD": 0.5}))
    import_into(sender, tmp_path, [write_lines(tmp_path / "h", made)], pages=DailyPages(pages, log.put))
    expected = rows([Tally(SITE, "/order/*", 18, 18, 18, 18, 18, 90.0)], patterns={SITE: patterns})
    assert sorted(log.written[0], key=str) == sorted(expected, key=str)
