"""What all pages of the console share: menu, sign-in, theme; and that each is whole for everybody."""

import uuid

import pytest
from playwright.sync_api import expect

from tests.support.console import DESKTOP, PHONE, WALL, Console, Theme, page_view, send, serious

PAGES = ["overview", "live", "predict", "models", "experiments", "interventions", "operations", "setup"]


@pytest.mark.parametrize(
    ("theme", "size"),
    [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE), ("light", WALL)],
    ids=["desktop-light", "desktop-dark", "phone-light", "phone-dark", "wall"],
)
def test_no_page_has_a_serious_fault(console: Console, theme: Theme, size: tuple[int, int]) -> None:
    faults = {}
    # A session that the page Live has to show.
    send(console, f"shell-{uuid.uuid4()}", f"visitor-{uuid.uuid4()}", page_view("/products/lamp"))
    with console.visit(console.key, theme, size) as context:
        page = context.new_page()
        for name in PAGES:
            page.goto(f"/{name}/", wait_until="networkidle" if name != "live" else "load")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            if name == "live":
                expect(page.locator("[data-session]").first).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            faults[name] = serious(page) + ([f"{wide} px too wide"] if wide > 0 else [])
    assert {name: found for name, found in faults.items() if found} == {}


def test_a_key_signs_in_and_out(console: Console) -> None:
    with console.visit() as context:
        page = context.new_page()
        page.goto("/overview/")
        page.get_by_role("banner").get_by_role("button", name="Sign in").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Secret key").fill("opk_no-such-key-was-ever-made")
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_role("alert")).to_contain_text("is no key")
        dialog.get_by_label("Secret key").fill(console.key)
        dialog.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("banner")).to_contain_text("this machine")
        assert "key" not in page.url
        [cookie] = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("banner").get_by_role("button", name="Sign in")).to_be_visible()
        assert context.cookies() == []


@pytest.mark.parametrize("name", ["experiments", "interventions", "models", "operations"])
def test_what_a_page_was_refused_comes_with_the_key(name: str, console: Console) -> None:
    with console.visit() as context:
        page = context.new_page()
        page.goto(f"/{name}/")
        refused = page.get_by_role("main").get_by_text("Sign in to see this").first
        expect(refused).to_be_visible()
        page.get_by_role("banner").get_by_role("button", name="Sign in").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Secret key").fill(console.key)
        dialog.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(refused).to_be_hidden()
