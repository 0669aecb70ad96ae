"""Set up: a site is made, its tag posts an event, the page notices; a key of one site is shown once and sees that."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page, expect

from deploy.settings.access_file import place, read, sites_of
from storage.http.secret_keys import digest_of
from tests.support.browser import visitor
from tests.support.console import Console

SITE = "atelier"


@pytest.fixture
def shop() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_a_site_is_set_up_until_its_first_event_came(console: Console, shop: ThreadingHTTPServer) -> None:
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/setup/")
        page.get_by_role("button", name="Add a site").click()
        form = page.get_by_role("dialog", name="Add a site")
        form.get_by_label("Name", exact=True).fill(SITE)
        form.get_by_label("Origins").fill(f"http://127.0.0.1:{shop.server_port}")
        form.get_by_label("Time zone").fill("Mars/Base")
        form.get_by_role("button", name="Add", exact=True).click()
        expect(form.get_by_role("alert")).to_contain_text("timezone")
        form.get_by_label("Time zone").fill("Europe/Vienna")
        form.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("button", name=SITE, pressed=True)).to_contain_text("Europe/Vienna")
        expect(page).to_have_url(re.compile(f"site={SITE}"))
        expect(page.get_by_text(f"Waiting for the first event of {SITE}")).to_be_visible()

        tag = page.get_by_label(f"Script tag of {SITE}").inner_text()
        assert sites_of(console.stack.settings)[SITE].write_keys[0] in tag
        visit_shop(console, shop, tag)
        expect(page.get_by_text("Received", exact=True)).to_be_visible()
        [arrival] = console.get("/sites/arrivals", site=SITE)["sites"]
        [row] = console.get("/admin/sessions", site=SITE, bots=True)["sessions"]
        assert arrival["first_at"] <= arrival["newest_at"] == row["updated_at"]
        shown = page.evaluate(
            "at => new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'medium',"
            " timeZone: 'Europe/Vienna'}).format(at)",
            arrival["first_at"],
        )
        expect(page.get_by_text(f"First event {shown}")).to_be_visible()
        key = own_key(page)
        assert digest_of(key) in {each.digest for each in read(place(console.stack.settings)).secret_keys()}
    a_key_of_one_site_sees_it_alone(console, key)


def visit_shop(console: Console, shop: ThreadingHTTPServer, tag: str) -> None:
    """A visitor opens a page of the shop that has the tag."""

    class TaggedPage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!doctype html><head><title>Atelier</title>{tag}</head><p>Lapis".encode())

        def log_message(self, *_: object) -> None:
            pass

    shop.RequestHandlerClass = TaggedPage
    with visitor(console.browser) as context:
        page = context.new_page()
        with page.expect_response(lambda answer: answer.status == 202):
            page.goto(f"http://127.0.0.1:{shop.server_port}/p/1")


def own_key(page: Page) -> str:
    """A key of the site alone, made in the page, which shows it once."""
    page.get_by_role("button", name="Make a key").click()
    form = page.get_by_role("dialog", name="Make a key")
    form.get_by_label("Name").fill("of the atelier")
    form.get_by_label("admin: everything").check()
    form.get_by_label(SITE, exact=True).check()
    form.get_by_role("button", name="Make it").click()
    key = page.get_by_label("The key", exact=True).inner_text()
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("row", name="of the atelier")).to_contain_text(SITE)
    assert key.startswith("opk_")
    assert key not in page.content()
    return key


def a_key_of_one_site_sees_it_alone(console: Console, key: str) -> None:
    with console.visit(key) as context:
        page = context.new_page()
        page.goto("/setup/")
        expect(page.get_by_role("list", name="Sites").get_by_role("listitem")).to_have_count(1)
        expect(page.get_by_text("A key of all sites makes and changes sites and keys")).to_be_visible()
        expect(page.get_by_role("button", name="Add a site")).to_be_disabled()
        expect(page.get_by_role("table").get_by_role("row")).to_have_count(2)
