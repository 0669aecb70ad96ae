"""The page of drift: whole, without a request, and safe with any name."""

from html.parser import HTMLParser

import pytest

from scoring.drift.alarms import drift, name_of
from storage.drift.html import html
from storage.drift.report import DAY_MS, SiteDrift
from tests.support.drift_windows import COLUMNS, known_programs, no_pings, scores_shuffled, window
from tests.support.events import NOON

VOID = {"meta", "rect", "polyline", "circle"}


class Tags(HTMLParser):
    """The tags and attributes of a page, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def found() -> SiteDrift:
    def change(made: object) -> None:
        for each in (no_pings, known_programs, scores_shuffled):
            each(made)

    quiet = [window(1, number, 600) for number in range(14)]
    report = drift(COLUMNS, quiet, window(1, 14, 600, change), draws=200)
    return SiteDrift('<script>alert("shop")</script>', NOON - DAY_MS, NOON, report, "m1")


def test_every_alarm_has_its_histograms_and_every_figure_its_windows(found: SiteDrift) -> None:
    text = html(found)
    assert "engaged_seconds" in {alarm.name for alarm in found.report.alarms}
    assert any(figure.is_alarm for figure in found.report.figures)
    for alarm in found.report.alarms:
        assert f"<h3>{name_of(alarm)}</h3>" in text
        assert alarm.cause in text
        assert all(label in text for label in alarm.bins)
    assert text.count("<svg ") == len(found.report.alarms) + len(found.report.figures)
    assert text.count("<strong>share of programs</strong>") == 1
    assert "everything beside the windows before" in text


def test_the_page_has_no_script_and_no_request_and_escapes_names(found: SiteDrift) -> None:
    text = html(found)
    tags = Tags(text)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(tags.names)
    assert not {"src", "href", "onload", "onclick"} & tags.attributes
    assert "url(" not in text
    assert "&lt;script&gt;alert(" in text
