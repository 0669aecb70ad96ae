"""Live sessions and one of them: what the page shows is what the API and the databases have."""

import json
import time
import uuid
from collections.abc import Callable

import httpx
from playwright.sync_api import expect
from sqlalchemy import text

from storage.database.engine import engine_of
from tests.support.console import Console, page_view, send, serious


def until_true(holds: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)


def test_a_session_appears_moves_and_is_read_event_by_event(console: Console) -> None:
    session, visitor = f"live-{uuid.uuid4()}", f"visitor-{uuid.uuid4()}"
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/live/?site=default&order=updated")
        expect(page.get_by_role("status").filter(has_text="sessions")).to_be_visible()
        send(console, session, visitor, page_view("/products/lamp"))
        row = page.locator(f"[data-session='{session}']")
        # The first update may come with the list, which names no page, before the stream gives one.
        expect(row).to_have_count(1)
        cart = {"kind": "commerce", "action": "add_to_cart", "value": 30, "currency": "EUR"}
        send(console, session, visitor, cart | {"items": [{"id": "lamp", "price": 15, "quantity": 2}]})
        expect(row).to_contain_text("2 · 30")
        send(console, session, visitor, page_view("/products/mug"))
        expect(row).to_contain_text("/products/mug")
        until_true(lambda: len(console.get(f"/sessions/{session}/timeline")["updates"]) == 3)
        intent = console.get(f"/sessions/{session}/intent")
        expect(row).to_contain_text(f"{intent['probability']:.1%}")
        expect(row).to_contain_text(intent["band"])
        page.get_by_label("Search session or page").fill("no such page")
        expect(row).to_have_count(0)
        page.get_by_label("Search session or page").fill("mug")
        row.get_by_role("link").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Session")
        updates = console.get(f"/sessions/{session}/timeline")["updates"]
        steps = page.get_by_role("region", name="Event by event").locator("ol > li")
        expect(steps).to_have_count(3)
        for step, update in zip(steps.all(), reversed(updates), strict=True):
            expect(step).to_contain_text(f"{update['probability']:.1%}")
            if update["reasons"]:
                expect(step).to_contain_text(update["reasons"][0]["text"][1:])
        steps.first.get_by_text("changed, and the record").click()
        steps.first.get_by_role("button", name="Show the raw record").click()
        raw = json.loads(steps.first.locator("pre").inner_text())
        assert "/products/mug" in json.dumps(raw)
        assert serious(page) == []
        table = page.get_by_role("table", name="Pages of this session")
        expect(table.get_by_role("row")).to_have_count(3)
        engine = engine_of(f"sqlite:///{console.stack.folder / 'data' / 'opecom.sqlite'}")
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT page_url, probability FROM page_views JOIN sessions USING (site, session_id, opened_at) "
                     "WHERE session_id = :id ORDER BY viewed_at"), {"id": session},
            ).all()  # fmt: skip
        engine.dispose()
        assert [url for url, _ in found] == ["/products/lamp", "/products/mug"]
        assert round(found[0][1], 6) == round(updates[-1]["probability"], 6)

        page.get_by_role("button", name="Erase this visitor").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Erase", exact=True)).to_be_disabled()
        dialog.get_by_label("Type the visitor").fill(visitor)
        dialog.get_by_role("button", name="Erase", exact=True).click()
        expect(dialog.get_by_text("The erasure is done")).to_be_visible()
    gone = httpx.get(f"{console.stack.api.url}/sessions/{session}/intent", timeout=90)
    assert gone.status_code == 404


def test_a_paused_page_stands_still_and_misses_nothing(console: Console) -> None:
    session = f"pause-{uuid.uuid4()}"
    with console.visit() as context:
        page = context.new_page()
        page.goto("/live/?site=default&order=updated")
        expect(page.get_by_role("status").filter(has_text="sessions")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        send(console, session, "v-pause", page_view("/a"))
        until_true(lambda: any(each["session_id"] == session for each in console.get("/sessions/live")["sessions"]))
        row = page.locator(f"[data-session='{session}']")
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Go on").click()
        expect(row).to_have_count(1)


def test_without_a_key_the_pages_and_records_of_people_stay_closed(console: Console) -> None:
    session = f"closed-{uuid.uuid4()}"
    send(console, session, "v-closed", page_view("/a"))
    until_true(lambda: any(each["session_id"] == session for each in console.get("/sessions/live")["sessions"]))
    with console.visit() as context:
        page = context.new_page()
        page.goto(f"/session/?id={session}&site=default")
        expect(page.get_by_role("region", name="Pages")).to_contain_text("need a key of scope export")
        expect(page.get_by_role("button", name="Erase this visitor")).to_have_count(0)
