"""Experiments in the page: made, started, grown and stopped as the API has it, and a reading drawn for everybody."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.console import DESKTOP, PHONE, Console, Theme, serious
from tests.support.experiment_results import SITE, definition, results


def test_an_experiment_is_made_started_grown_and_stopped(console: Console) -> None:
    name = "console-banner"
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto(f"/experiments/?site={SITE}")
        page.get_by_role("button", name="New experiment").click()
        form = page.get_by_role("dialog", name="New experiment")
        form.get_by_label("Name").fill(name)
        form.get_by_label("Acted on, percent").fill("20")
        form.get_by_label("Audience").fill("band >= nonsense")
        form.get_by_role("button", name="Make a draft").click()
        expect(form.get_by_role("alert")).to_contain_text("nonsense")
        form.get_by_label("Audience").fill("page_views >= 2")
        form.get_by_label("Looked at").select_option("planned")
        form.get_by_role("button", name="Make a draft").click()
        card = page.get_by_role("region", name=name, exact=True)
        expect(card).to_contain_text("treatment: 20 %, acts")
        expect(card).to_contain_text("at planned looks, 20,000 visitors, 7 days for each")
        found = console.get(f"/experiments/{name}")
        assert (found["status"], found["plan"]["reading"], found["audience"]) == ("draft", "planned", "page_views >= 2")

        change(page, "Start", "Start it")
        expect(card).to_contain_text("running")
        expect(page.get_by_role("region", name="Results")).to_contain_text("each arm needs 100 visitors")
        assert console.get(f"/experiments/{name}")["status"] == "running"
        change(page, "Grow", "Grow it")
        expect(card).to_contain_text("control: 80 %, holds back")

        card.get_by_role("button", name="Stop").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert console.get(f"/experiments/{name}")["status"] == "running"
        change(page, "Stop", "Stop it")
        expect(card).to_contain_text("stopped")
        assert console.get(f"/experiments/{name}")["status"] == "stopped"
        expect(page.get_by_role("table", name="Experiments", exact=True)).to_contain_text(name)


def change(page: Page, button: str, confirmed: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=confirmed).click()
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("theme", "size"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_a_reading_is_drawn_and_whole_for_everybody(console: Console, theme: Theme, size: tuple[int, int]) -> None:
    name = f"read-{theme}-{size[0]}"
    found = results(name, 0.25)
    with console.visit(console.key, theme, size) as context:
        page = context.new_page()
        page.route(re.compile(r"/api/experiments(\?.*)?$"), answering({"experiments": [definition(name)]}))
        page.route(re.compile(r"/api/experiments/.*/results"), answering(found))
        page.goto(f"/experiments/?experiment={name}")
        reading = page.get_by_role("region", name="Results")
        for line in (*found.conclusions, *found.cautions):
            expect(reading).to_contain_text(line)
        expect(reading.get_by_role("table", name="Arms as they were counted").get_by_role("row")).to_have_count(3)
        differences = reading.get_by_role("region", name="Differences to control")
        expect(differences.locator("svg")).to_have_count(3)
        expect(reading.get_by_role("region", name="Device").locator("svg")).to_have_count(2)
        expect(reading.get_by_role("region", name="Who counts")).to_contain_text("12")
        # The interval is where the numbers are: right of the middle where the difference is above 0.
        effect = next(each for each in found.report.effects if each.decides)
        assert effect.low is not None
        bar = differences.locator("svg rect").nth(1)
        assert (float(bar.get_attribute("x") or 0) > 50) == (effect.low > 0)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert serious(page) + ([f"{wide} px too wide"] if wide > 0 else []) == []
        # By the keyboard alone: the first experiment's name can be reached and closes again.
        page.get_by_role("button", name="Close").focus()
        page.keyboard.press("Enter")
        expect(reading).to_be_hidden()
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        expect(reading).to_be_visible()


def test_a_broken_ratio_shows_no_figure_to_conclude_from(console: Console) -> None:
    found = results("lost", 0.0, second_share=0.45)
    with console.visit(console.key) as context:
        page = context.new_page()
        page.route(re.compile(r"/api/experiments(\?.*)?$"), answering({"experiments": [definition("lost")]}))
        page.route(re.compile(r"/api/experiments/.*/results"), answering(found))
        page.goto("/experiments/?experiment=lost")
        reading = page.get_by_role("region", name="Results")
        expect(reading.get_by_role("alert")).to_contain_text("so nothing can be read")
        expect(reading.locator("svg")).to_have_count(0)


def answering(found: Any) -> Callable[[Route], None]:
    body = msgspec.json.encode(found)
    return lambda route: route.fulfill(body=body, content_type="application/json")
