"""Page statistics as of a version."""

import pytest

from stream.fold.pages import PageRow, PagesMarker, PageStatistics, decode, encode


def row(path: str, value: float, batch: str = "b", site: str = "default") -> PageRow:
    return PageRow(batch, site, path, 0.1, 0.2, value)


def statistics(*records: PageRow | PagesMarker) -> PageStatistics:
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


def test_a_version_with_missing_rows_changes_nothing_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    known = statistics(row("/a", 1), PagesMarker("b", 1), row("/a", 2, "c"), PagesMarker("c", 2))
    assert known.version == 3
    assert known.page("default", "/a", None, 3).page_value == 1
    assert "version 3 has 1 of 2 rows and is left out: import or refresh them again" in caplog.text


def test_a_marker_that_was_sent_twice_is_the_same_version_again(caplog: pytest.LogCaptureFixture) -> None:
    known = statistics(row("/a", 1), PagesMarker("b", 1), PagesMarker("b", 1))
    assert [known.page("default", "/a", None, version).page_value for version in (1, 2)] == [1, 1]
    assert caplog.text == ""
