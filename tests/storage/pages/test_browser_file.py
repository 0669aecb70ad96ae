"""The public file of a site has what a page needs, is bounded, and has no other site's."""

from datetime import date

import msgspec
import pytest

from ingest.enrich import checked_url_rules
from storage.pages.browser_file import browser_file
from stream.fold.calendar import Calendar
from stream.fold.pages import PageRow, PagesMarker, PageStatistics, Row
from tests.support.browser_fold import site_file, statistics


def test_what_a_page_needs() -> None:
    file = msgspec.json.decode(msgspec.json.encode(site_file(statistics())))
    assert file["format"] == 1
    assert (file["site"], file["version"], file["timezone"]) == ("shop", 9, "Europe/Berlin")
    assert file["path_rules"] == [["/cart", "Administrative"], ["/b", "Informational"], ["/bü", "ProductRelated"]]
    assert file["allowed_query"] == ["q", "utm_medium", "utm_source"]
    assert file["patterns"] == ["/order/*", "/*/a/*"]
    assert file["pages"]["*"] == [0.31, 0.07, 2.1]
    assert file["pages"]["/order/*"] == [0.0, 0.05, 80.125]
    assert (file["expected_conversion"], file["limits_of"]) == (0.04, "")
    assert file["limits"] == [{"events": 3, "building": 0.03, "high": 0.1}]
    # Six days before Christmas, of this year and the next; before 29 February of leap years alone.
    assert {"2025-12-19", "2026-12-19"} <= set(file["peaks"])
    assert "2024-02-23" in file["peaks"]


@pytest.mark.parametrize(("most", "own"), [(2, ["/1", "/2"]), (0, []), (9, ["/0", "/1", "/2", "/3"])])
def test_the_pages_of_most_sessions_are_kept(most: int, own: list[str]) -> None:
    rows: list[Row] = [PageRow("b", "shop", f"/{n}", 0.1, 0.1, 1.0, sessions=n % 3 * 10) for n in range(4)]
    rows += [PageRow("b", "shop", "/x/*", 0.1, 0.1, 1.0, pattern=True), PageRow("b", "shop", "*", 0.1, 0.1, 1.0)]
    known = PageStatistics()
    for row in [*rows, PageRow("b", "other", "/secret", 0.1, 0.1, 1.0, sessions=99)]:
        known.read(1, row)
    known.read(2, PagesMarker("b", len(rows) + 1))
    file = browser_file("shop", checked_url_rules(), Calendar(), known, date(2025, 1, 1), most)
    assert [*file.pages] == ["*", "/x/*", *own]


def test_a_site_of_which_nothing_is_known() -> None:
    file = browser_file("new", checked_url_rules(), Calendar(), PageStatistics(), date(2025, 1, 1))
    assert (file.version, file.pages, file.peaks, file.limits) == (0, {}, (), ())
