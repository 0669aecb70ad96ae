"""Operations in the console: a dead letter comes back once, a delivery goes again, and tabs show what the API has."""

import sqlite3
from contextlib import closing
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from deploy.processes.ports import wait_until
from ingest.endpoints import now_ms
from tests.support.agents import BROWSER
from tests.support.console import Console
from tests.support.receiver import receiver

SESSION = "late-and-fixed"


def sql(console: Console, query: str, *given: Any) -> list[Any]:
    """Rows of the relational database, read beside the system."""
    with closing(sqlite3.connect(f"file:{console.stack.folder / 'data/opecom.sqlite'}?mode=ro", uri=True)) as database:
        return database.execute(query, given).fetchall()


def late_event(console: Console) -> None:
    """A page view that arrives half an hour after it occurred, and another session's that is in time."""
    seen = {"type": "page_view", "page": {"url": "/broken"}, "visitor_id": "v-late"}
    events = [
        {**seen, "session_id": SESSION, "occurred_at": now_ms() - 1_800_000},
        {**seen, "session_id": f"{SESSION}-not", "occurred_at": now_ms()},
    ]
    body = {"sent_at": now_ms(), "events": events}
    answer = httpx.post(f"{console.stack.ingest.url}/v1/batch", json=body, headers=BROWSER, timeout=90)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)


def letters(console: Console, state: str = "all") -> list[Any]:
    return list(console.get("/dead-letters", text=SESSION, state=state)["letters"])


def fixed(page: Page) -> None:
    """Open the letter, mend its page and its time, and send it."""
    page.goto(f"/operations/?tab=dead-letters&text={SESSION}")
    row = page.get_by_role("row").filter(has_text="came late")
    expect(row).to_contain_text("minutes after it occurred")
    row.get_by_role("button", name="Open").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It would be late")
    dialog.get_by_text("Raw record").click()
    expect(dialog.locator("pre")).to_contain_text('"session_id":"late-and-fixed"')
    dialog.get_by_role("button", name="Let it count now").click()
    event = dialog.get_by_label("Event to send")
    event.fill(event.input_value().replace("/broken", "/fixed"))
    # A click too many changes nothing.
    dialog.get_by_role("button", name="Send again").dblclick()
    expect(dialog.get_by_text("Sent again by this machine")).to_be_visible()


def test_a_dead_letter_is_fixed_sent_again_and_counted_once(console: Console) -> None:
    late_event(console)
    assert wait_until(lambda: len(letters(console)) == 1, 90)
    (letter,) = letters(console)
    assert (letter["reason"], letter["site"], letter["resent"]) == ("late", "default", None)
    with console.visit(console.key) as context:
        page = context.new_page()
        fixed(page)
        answer = context.request.get(f"/api/dead-letters/{letter['letter']}").json()
        resent = answer["summary"]["resent"]
        assert (resent["state"], resent["sent_by"]) == ("sent", "this machine")
        # Asked once more, as by a second operator, with another text.
        csrf = context.request.get("/sign-in").json()["csrf"]
        again = context.request.post(
            f"/api/dead-letters/{letter['letter']}/send",
            data={"event": {"type": "session_end", "session_id": SESSION}},
            headers={"X-OPECOM-CSRF": csrf},
        )
        assert again.json() == resent
        page.keyboard.press("Escape")
        expect(page.get_by_role("row").filter(has_text="came late")).to_contain_text("by this machine")
    query = "SELECT event_count FROM sessions WHERE site = 'default' AND session_id = ?"
    assert wait_until(lambda: sql(console, query, SESSION) == [(1,)], 30), sql(console, query, SESSION)
    found = console.get(f"/admin/sessions/{SESSION}", site="default")
    assert [view["page_url"] for view in found["page_views"]] == ["/fixed"]
    assert found["session"]["event_count"] == found["session"]["page_view_count"] == 1
    assert len(found["updates"]) == 1
    views = "SELECT event_id, page_url FROM page_views WHERE session_id = ?"
    assert sql(console, views, SESSION) == [(resent["event_id"], "/fixed")]
    kept = "SELECT state, sent_by, event_id FROM resent_letters"
    assert sql(console, kept) == [("sent", "this machine", resent["event_id"])]
    assert [each["letter"] for each in letters(console, "sent")] == [letter["letter"]]
    assert letters(console, "open") == []


def test_a_webhook_is_added_tried_and_its_delivery_sent_again(console: Console) -> None:
    with receiver() as server, console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/operations/?tab=webhooks")
        page.get_by_role("button", name="Add a webhook").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address of your server").fill(server.url)
        dialog.get_by_label("Site", exact=True).select_option("default")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(dialog).to_contain_text("must be https")
        dialog.get_by_label("The server is in our own network").check()
        dialog.get_by_role("button", name="Add", exact=True).click()
        secret = dialog.locator("code").inner_text()
        dialog.get_by_role("button", name="I have kept it").click()
        page.get_by_role("button", name="Send a test").click()
        row = page.get_by_role("row").filter(has_text="test")
        expect(row).to_contain_text("delivered")
        row.get_by_role("button", name="Send again").click()
        assert wait_until(lambda: len(server.got) == 2, 90)
        assert {each.verified(secret)["type"] for each in server.got} == {"webhook.test"}
        (name,) = {each.id for each in server.got}
        expect(row).to_contain_text("delivered")
        stored = "SELECT id, state, site, attempts FROM webhook_deliveries"
        assert wait_until(lambda: sql(console, stored) == [(name, "delivered", "default", 1)], 90)
        listed = console.get("/webhook-deliveries")["deliveries"]
        assert [(each["id"], each["state"]) for each in listed] == [(name, "delivered")]
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Yes, remove it").click()
        expect(page.get_by_text("No webhook yet")).to_be_visible()
        assert sql(console, "SELECT id FROM webhooks") == []


def test_health_lag_and_replays_are_what_the_api_has(console: Console) -> None:
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/operations/")
        rows = page.get_by_role("table", name="What the checks found").get_by_role("row")
        expect(rows.nth(1)).to_be_visible()
        findings = console.get("/health/parts")["findings"]
        assert {each["check"] for each in findings} >= {"Kafka", "worker group", "ingest", "store"}
        expect(rows).to_have_count(1 + len(findings))
        page.get_by_role("tab", name="Health").press("ArrowRight")
        expect(page.get_by_role("tab", name="Lag")).to_be_focused()
        groups = console.get("/health/lag")["groups"]
        lags = page.get_by_role("table", name="Lag by partition").get_by_role("row")
        expect(lags).to_have_count(1 + sum(len(each["partitions"]) for each in groups))
        page.get_by_role("tab", name="Replays").click()
        page.get_by_role("button", name="Begin").click()
        replay = page.get_by_role("listitem").filter(has_text="dry run")
        expect(replay.get_by_text("done")).to_be_visible()
        # Those of shadows are listed as well.
        [job] = [each for each in console.get("/replays")["jobs"] if each["request"]["into"] == "nothing"]
        assert job["state"] == "done"
        expect(replay).to_contain_text(f"{job['done']:,} of")


def test_without_a_key_the_page_shows_how_to_sign_in(console: Console) -> None:
    with console.visit() as context:
        page = context.new_page()
        page.goto("/operations/?tab=dead-letters")
        expect(page.get_by_role("tabpanel").get_by_role("alert")).to_contain_text("Sign in to see this")
