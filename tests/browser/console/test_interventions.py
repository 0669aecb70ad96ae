"""Interventions in the page: made from the form or a file, tried, started and stopped, with the counts of the API."""

import json
import re
import uuid

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.agents import BROWSER
from tests.support.console import DESKTOP, PHONE, Console, Theme, page_view, send, serious
from tests.support.experiment_results import SITE

#: A script of the shop's own that looks like one, as the page has to show it: as text.
PAYLOAD = '{"text":"May we help? <script>alert(1)</script>"}'
COUNTED = ("delivered", "held", "capped", "stopped", "shown", "dismissed", "clicked")


def test_one_is_made_tried_started_fired_and_stopped(console: Console) -> None:
    name = f"help-{uuid.uuid4().hex[:8]}"
    path = f"/console-{name}"
    # For the trial: a session that is there before the rule is.
    send(console, f"{name}-before", f"{name}-v0", page_view(path), page_view(path))
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto(f"/interventions/?site={SITE}")
        page.get_by_role("button", name="New intervention").click()
        form = page.get_by_role("dialog", name="New intervention")
        form.get_by_label("Name").fill(name)
        form.get_by_label("When", exact=True).fill("page_views >= nonsense")
        form.get_by_label("The message goes to").select_option("page")
        form.get_by_label("Payload").fill(PAYLOAD)
        form.get_by_label("Times for each visitor").fill("1")
        form.get_by_label("Hours until it comes again").fill("0.5")
        form.get_by_role("button", name="Make a draft").click()
        expect(form.get_by_role("alert")).to_contain_text("nonsense")
        form.get_by_label("When", exact=True).fill("page_views == 2")
        form.get_by_role("button", name="Make a draft").click()
        card = page.get_by_role("region", name=name, exact=True)
        expect(card).to_contain_text(PAYLOAD)
        expect(card).to_contain_text("once at most")
        found = console.get(f"/interventions/{name}")
        assert [found[key] for key in ("status", "action", "payload", "visitor_cap", "visitor_cooldown_seconds")] == [
            *("draft", "page", PAYLOAD, 1, 1800)
        ]

        tried(console, page)
        change(page, card, "Start", "Start it")
        expect(card).to_contain_text("running")
        assert console.get(f"/interventions/{name}")["status"] == "running"
        # Of one visitor: the second session meets it too often.
        send(console, f"{name}-one", f"{name}-v1", page_view(path), page_view(path))
        counts = page.get_by_role("region", name="What became of it")
        expect(stat(counts, "Delivered")).to_have_text("1")
        send(console, f"{name}-two", f"{name}-v1", page_view(path), page_view(path))
        expect(stat(counts, "Too many for the visitor")).to_have_text("1")
        report(console, name, f"{name}-one")
        expect(stat(counts, "Clicked")).to_have_text("1")
        found = console.get(f"/interventions/{name}")
        fired = ("Delivered", "Held back", "Too many for the visitor", "Stopped before")
        labels = (*fired, "Shown", "Dismissed", "Clicked")
        assert [int(stat(counts, label).inner_text()) for label in labels] == [found[key] for key in COUNTED]

        card.get_by_role("button", name="Stop").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert console.get(f"/interventions/{name}")["status"] == "running"
        change(page, card, "Stop", "Stop it")
        expect(card).to_contain_text("stopped")
        assert console.get(f"/interventions/{name}")["status"] == "stopped"
        expect(page.get_by_role("table", name="Interventions", exact=True)).to_contain_text(name)


def tried(console: Console, page: Page) -> None:
    """The trial of the draft says what the API's job says."""
    trial = page.get_by_role("region", name="Try it")
    trial.get_by_label("Days").fill("2")
    trial.get_by_role("button", name="Try it").click()
    report = trial.get_by_role("region", name="What it would have done")
    expect(report).to_be_visible()
    match = re.search(r"trial=(\d+)", page.url)
    assert match is not None
    job = console.get(f"/replays/{match[1]}")
    assert (job["state"], job["request"]["into"], job["request"]["site"]) == ("done", "trial", SITE)
    said = job["account"]["trial"]
    assert said["fired"] > 0
    expect(report).to_contain_text(f"It would have fired in {said['fired']:,} of {said['sessions']:,} sessions")
    for label, key in (("Delivered", "delivered"), ("Visitors", "visitors"), ("Held back", "held")):
        expect(stat(report, label)).to_have_text(f"{said[key]:,}")
    rows = report.get_by_role("table", name="By the hour").get_by_role("row")
    expect(rows).to_have_count(1 + len(said["hours"]))


def report(console: Console, name: str, session: str) -> None:
    """The page of this session says that the message was shown and clicked."""
    opened_at = console.get(f"/sessions/{session}/intent", site=SITE)["opened_at"]
    events = [
        {
            "type": "intervention",
            "session_id": session,
            "intervention": {"name": name, "opened_at": opened_at, "action": action},
        }
        for action in ("shown", "clicked")
    ]
    body = {"sent_at": 0, "events": events}
    answer = httpx.post(f"{console.stack.ingest.url}/v1/batch", json=body, headers=BROWSER, timeout=90)
    assert (answer.status_code, answer.json()["refused"]) == (202, []), answer.text


def stat(within: Locator, label: str) -> Locator:
    """The number that stands below this label."""
    return within.get_by_text(label, exact=True).locator("xpath=following-sibling::p[1]")


def change(page: Page, card: Locator, button: str, confirmed: str) -> None:
    card.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=confirmed).click()
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("theme", "size"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_a_file_makes_a_draft_and_the_page_is_whole_for_everybody(
    console: Console, theme: Theme, size: tuple[int, int]
) -> None:
    name = f"file-{theme}-{size[0]}"
    rule = {"name": name, "site": SITE, "when": "page_views >= 3", "quiet": {"since": 22, "until": 8}, "priority": 7}
    with console.visit(console.key, theme, size) as context:
        page = context.new_page()
        page.goto(f"/interventions/?site={SITE}")
        page.get_by_role("button", name="From a file").click()
        form = page.get_by_role("dialog", name="From a file")
        form.get_by_label("Rule").fill("{")
        form.get_by_role("button", name="Make a draft").click()
        expect(form).to_contain_text("This is no JSON object")
        form.get_by_label("Rule").fill(json.dumps(rule | {"whenn": ""}))
        form.get_by_role("button", name="Make a draft").click()
        expect(form.get_by_role("alert")).to_contain_text("whenn")
        assert serious(page) == []
        form.get_by_label("File").set_input_files(
            {"name": "rule.json", "mimeType": "application/json", "buffer": json.dumps(rule).encode()}
        )
        expect(form.get_by_label("Rule")).to_have_value(json.dumps(rule))
        form.get_by_role("button", name="Make a draft").click()
        card = page.get_by_role("region", name=name, exact=True)
        expect(card).to_contain_text("22 to 8 o'clock, site time")
        found = console.get(f"/interventions/{name}")
        assert {key: found[key] for key in rule} == rule
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert serious(page) + ([f"{wide} px too wide"] if wide > 0 else []) == []
        # By the keyboard alone: the name opens it, and it closes again.
        card.get_by_role("button", name="Close").focus()
        page.keyboard.press("Enter")
        expect(card).to_be_hidden()
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        expect(card).to_be_visible()
        change(page, card, "Drop", "Drop it")
        expect(card).to_be_hidden()
    with console.visit(console.key) as context:
        answer = context.request.get(f"/api/interventions/{name}")
        assert answer.status == 404


def test_without_a_key_the_page_wants_a_sign_in(console: Console) -> None:
    with console.visit() as context:
        page = context.new_page()
        page.goto("/interventions/")
        expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("Sign in to see this")
