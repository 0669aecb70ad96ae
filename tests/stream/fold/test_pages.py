"""Page statistics as of a version."""

import pytest

from scoring.site_profile import BandLimits, PageLevels, SiteProfile
from stream.fold import pages
from stream.fold.pages import HeldPages, PageRow, PagesMarker, PageStatistics, Row, decode, encode
from stream.fold.sites import SiteRow


def row(path: str, value: float, batch: str = "b", site: str = "default") -> PageRow:
    return PageRow(batch, site, path, 0.1, 0.2, value)


def statistics(*records: Row | PagesMarker) -> PageStatistics:
    known = PageStatistics()
    for offset, record in enumerate(records):
        known.read(offset, decode(encode(record)))
    return known


def test_a_view_sees_the_version_in_force_and_no_other() -> None:
    known = statistics(row("/a", 1), PagesMarker("b", 1), row("/a", 2, "c"), row("/b", 3, "c"), PagesMarker("c", 2))
    assert known.version == 4
    assert [known.page("default", "/a", None, version).page_value for version in (0, 1, 3, 4, 9)] == [0, 1, 1, 2, 2]
    assert [known.page("default", "/b", None, version).page_value for version in (1, 4)] == [0, 3]


def test_a_site_has_a_default_and_no_other_sites_pages() -> None:
    known = statistics(row("*", 5), row("/a", 1), row("/a", 9, site="other"), PagesMarker("b", 3))
    assert known.page("default", "/new", "Informational", 3).page_value == 5
    assert known.page("other", "/new", None, 3).page_value == 0


def test_batches_that_are_written_at_the_same_time_do_not_mix() -> None:
    known = statistics(row("/a", 1, "x"), row("/a", 2, "y"), PagesMarker("y", 1), PagesMarker("x", 1))
    assert [known.page("default", "/a", None, version).page_value for version in (2, 3)] == [2, 1]


def test_a_version_with_missing_rows_changes_nothing_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    known = statistics(row("/a", 1), PagesMarker("b", 1), row("/a", 2, "c"), PagesMarker("c", 2))
    assert known.version == 3
    assert known.page("default", "/a", None, 3).page_value == 1
    assert "version 3 has 1 of 2 rows and is left out: import or refresh them again" in caplog.text


def test_a_marker_that_was_sent_twice_is_the_same_version_again(caplog: pytest.LogCaptureFixture) -> None:
    known = statistics(row("/a", 1), PagesMarker("b", 1), PagesMarker("b", 1))
    assert [known.page("default", "/a", None, version).page_value for version in (1, 2)] == [1, 1]
    assert caplog.text == ""


def pattern(path: str, value: float, batch: str = "b") -> PageRow:
    return PageRow(batch, "default", path, 0.1, 0.2, value, pattern=True)


def shared(path: str, batch: str) -> PageRow:
    return PageRow(batch, "default", path, 0.1, 0.2, 5, shared=True)


def test_a_page_has_its_own_row_else_its_longest_patterns_else_the_sites() -> None:
    known = statistics(
        *(row("*", 1), pattern("/order/*", 2), pattern("/order/*/pay", 3), row("/order/7", 4), row("/s*", 5)),
        PagesMarker("b", 5),
    )
    values = {
        path: known.page("default", path, None, 5).page_value
        for path in ("/", "/order/1", "/order/1/pay", "/order/7", "/s*", "/search", "/order", "/a/order/1")
    }
    # What a visitor calls /s* is a page and no pattern.
    assert values == {
        "/": 1, "/order/1": 2, "/order/1/pay": 3, "/order/7": 4, "/s*": 5, "/search": 1, "/order": 1, "/a/order/1": 1
    }  # fmt: skip


def test_a_shared_row_ends_a_pages_own_from_its_version_on() -> None:
    known = statistics(
        *(row("*", 1), pattern("/o/*", 2), row("/o/1", 3), row("/a", 4), PagesMarker("b", 4)),
        *(shared("/o/1", "c"), shared("/a", "c"), shared("/never", "c"), PagesMarker("c", 3)),
        *(row("/a", 6, "d"), shared("/o/*", "d"), PagesMarker("d", 2)),
    )
    at = {
        path: [known.page("default", path, None, v).page_value for v in (4, 8, 11)] for path in ("/a", "/o/1", "/o/2")
    }
    assert at == {"/a": [4, 1, 6], "/o/1": [3, 2, 1], "/o/2": [2, 2, 1]}
    assert known.rows(8).keys() == {("default", "*"), ("default", "/o/*")}
    assert known.rows(11).keys() == {("default", "*"), ("default", "/a")}


def test_pages_beyond_the_bound_share_and_an_ended_page_makes_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 2)
    known = statistics(
        *(row("*", 1), row("/a", 2), row("/b", 3), row("/c", 4), row("/a", 9, site="other"), PagesMarker("b", 5)),
        *(row("/c", 5, "c"), shared("/a", "c"), row("/d", 6, "c"), PagesMarker("c", 3)),
    )
    assert known.rows(5).keys() == {("default", "*"), ("default", "/a"), ("default", "/b"), ("other", "/a")}
    assert known.page("default", "/c", None, 5).page_value == 1
    assert "1 pages of default share the site's statistics" in caplog.text
    assert "sites.default.path_patterns" in caplog.text
    assert known.rows(9, "default").keys() == {("default", "*"), ("default", "/b"), ("default", "/c")}


def test_records_of_the_version_before_have_neither_pattern_nor_end() -> None:
    old = b'{"kind":"row","batch":"b","site":"default","path":"/a","bounce_rate":0.1,"exit_rate":0.2,"page_value":3.0}'
    assert decode(old) == row("/a", 3.0)
    assert encode(row("/a", 3.0)) == old


def test_what_never_gets_a_marker_and_old_markers_are_not_kept_for_ever() -> None:
    known = PageStatistics()
    for n in range(3 * pages.MOST_PENDING):
        known.read(2 * n, row("/a", 1, f"lost{n}"))
    for n in range(1_000, 3_000):
        known.read(2 * n, row("/a", n, f"b{n}"))
        known.read(2 * n + 1, PagesMarker(f"b{n}", 1))
    assert len(known._pending) <= pages.MOST_PENDING
    assert len(known._taken) == pages.MOST_TAKEN
    assert known.page("default", "/a", None, 2 * 1_500).page_value == 1_499
    assert known.page("default", "/a", None, 9_999).page_value == 2_999


def test_a_marker_that_names_what_is_held_changes_no_page() -> None:
    held = HeldPages("default", "/a", "bounce_rate", 0.1, 0.9, 200, 4_200)
    known = statistics(row("/a", 1), PagesMarker("b", 1, at=1), PagesMarker("c", 0, at=2, held=(held,)))
    assert known.held == (held,)
    assert known.rows(1) == known.rows(2)
    assert known.page("default", "/a", None, 2) == known.page("default", "/a", None, 1)
    known.read(3, PagesMarker("d", 0, at=3))
    assert known.held == ()


def test_a_row_is_compared_with_those_of_a_day_and_of_what_somebody_put_in_force() -> None:
    day, values = pages.COMPARED_MS, [1, 2, 3, 4]
    known = PageStatistics()
    for place, value in enumerate(values):
        known.read(2 * place, row("/a", value, f"b{place}"))
        known.read(2 * place + 1, PagesMarker(f"b{place}", 1, at=1_000 + place * day // 2))

    def compared(at: int) -> list[float]:
        return [each.page_value for each in known.compared_with(at)(row("/a", 9))]

    assert compared(1_000 + 3 * day // 2) == [2, 3, 4]
    assert compared(1_000 + 9 * day) == [4]
    assert list(known.compared_with(0)(row("/b", 9))) == []
    known.read(8, row("/a", 5, "hand"))
    known.read(9, PagesMarker("hand", 1))
    assert compared(1_000 + 3 * day // 2) == [5]
    known.read(10, shared("/a", "end"))
    known.read(11, PagesMarker("end", 1, at=1_000 + 2 * day))
    assert compared(1_000 + 2 * day) == [5]


def site(expected: float, batch: str = "b", *limits: BandLimits, of: str = "") -> SiteRow:
    return SiteRow(batch, "default", expected, limits, of)


def test_a_sites_profile_is_that_of_the_version_in_force_with_the_levels_of_its_pages() -> None:
    limits = BandLimits(1, 0.1, 0.3)
    known = statistics(
        *(site(0.02), PagesMarker("b", 1), row("*", 5, "c"), site(0.05, "c", limits, of="m1"), PagesMarker("c", 2))
    )
    assert known.profile("default", 0) == SiteProfile("default")
    assert known.profile("default", 1) == SiteProfile("default", 0.02)
    levels = PageLevels(0.1, 0.2, 5)
    assert known.profile("default", 4) == SiteProfile("default", 0.05, levels, (limits,), "m1")
    assert known.profile("default", 4) is known.profile("default", 4)
    assert known.profile("default~k3f9", 4) == SiteProfile("default", 0.05, None, (limits,), "m1")
    assert known.profile("other", 4) == SiteProfile("other")


def test_a_site_and_its_pages_are_rows_of_one_version() -> None:
    known = statistics(row("/a", 1), site(0.02), PagesMarker("b", 2))
    assert known.page("default", "/a", None, 2).page_value == 1
    assert known.profile("default", 2).expected_conversion == 0.02
