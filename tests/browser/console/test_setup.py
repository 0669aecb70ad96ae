"""Set up: a site is made, its tag posts an event, the page notices; a key is shown once, and sees its own site alone."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from deploy.settings.access_file import place, read, sites_of
from storage.http.secret_keys import digest_of
from tests.support.browser import UNDRIVEN, VISITOR
from tests.support.console import Console

SITE = "atelier"
#: Nobody listens there: the browser is given the page by the test.
SHOP = "http://localhost:5999"


def test_a_site_is_set_up_until_its_first_event_came(console: Console) -> None:
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/setup/")
        page.get_by_role("button", name="Add a site").click()
        form = page.get_by_role("dialog", name="Add a site")
        form.get_by_label("Name", exact=True).fill("A B")
        form.get_by_label("Name", exact=True).fill(SITE)
        form.get_by_label("Origins").fill(SHOP)
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
        visit_shop(console, tag)
        expect(page.get_by_text("Received", exact=True)).to_be_visible(timeout=30_000)
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


def visit_shop(console: Console, tag: str) -> None:
    """A visitor opens a page of the shop that has the tag."""
    visitor: BrowserContext = console.browser.new_context(user_agent=VISITOR)
    try:
        visitor.add_init_script(UNDRIVEN)
        html = f"<!doctype html><html><head><title>Atelier</title>{tag}</head><body>Lapis</body></html>"
        visitor.route(f"{SHOP}/**", lambda route: route.fulfill(body=html, content_type="text/html"))
        page = visitor.new_page()
        with page.expect_response(lambda answer: answer.status == 202):
            page.goto(f"{SHOP}/p/1")
    finally:
        visitor.close()


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
