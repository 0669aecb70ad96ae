"""The demonstration shop in Chromium: its pages, a purchase by keyboard alone, cart, form, states of the overlay."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.shop import Shop, running, tab_to, until

PAGES = [
    pytest.param("/", "Useful things for slow mornings", None, id="home"),
    pytest.param("/products", "Everything we make", "ProductRelated", id="products"),
    pytest.param("/products/reading-lamp", "Reading lamp", "ProductRelated", id="product"),
    pytest.param("/about", "A small shop with long memories", "Informational", id="about"),
    pytest.param("/cart", "Your cart", "Administrative", id="cart"),
    pytest.param("/checkout", "Checkout", "Administrative", id="checkout"),
    pytest.param("/success", "Thank you, Ada", None, id="success"),
    pytest.param("/nothing/here", "There is no such page", None, id="no such page"),
]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ADDRESS = {
    "E-mail": "ada@example.org",
    "Name": "Ada Lovelace",
    "Street and number": "St James's Square 12",
    "Postcode": "SW1Y 4JH",
    "Town": "London",
}
#: A cart and an order, as the shop keeps them.
FILLED = """
const line = { slug: 'harbour-mug', variant: 'clay', quantity: 2 };
const order = { id: 'FS-1', first: 'Ada', express: false, lines: [{ ...line, sum: 3600 }] };
localStorage.setItem('fennel.cart', JSON.stringify([line]));
sessionStorage.setItem('fennel.order', JSON.stringify({ ...order, goods: 3600, delivery: 490, total: 4090 }));
"""
OPEN_OVERLAY = "localStorage.setItem('fennel.overlay', 'true');"
#: What a person who cannot see the page, or not well, would miss.
MISSING = """() => {
  const said = [], all = (query) => [...document.querySelectorAll(query)], shown = (each) => each.checkVisibility();
  const wrong = (what, elements) => elements.forEach((each) => said.push(what + ': ' + each.outerHTML));
  const named = (each) => Boolean((each.getAttribute('aria-label') || each.textContent || '').trim());
  const heard = (each) => shown(each) && !each.closest('[aria-hidden]');
  const nowhere = (name) => (each) => !document.getElementById(each.getAttribute(name));
  wrong('no name', all('a, button, summary').filter((each) => heard(each) && !named(each)));
  wrong('no label', all('input, select').filter((each) => !each.labels.length));
  wrong('no alternative', all('[role=img]').filter((each) => !named(each)));
  wrong('for nobody', all('svg:not([role=img]):not([aria-hidden=true])'));
  for (const name of ['aria-describedby', 'aria-controls', 'aria-labelledby'])
    wrong(name + ' leads nowhere', all(`[${name}]`).filter(nowhere(name)));
  const ids = all('[id]').map((each) => each.id);
  wrong('an id twice', all('[id]').filter((each) => ids.filter((id) => id === each.id).length > 1));
  const levels = all('h1, h2, h3').filter(shown).map((each) => Number(each.tagName[1]));
  if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1) said.push('headings ' + levels);
  if (levels.some((level, place) => place && level > levels[place - 1] + 1)) said.push('headings ' + levels);
  if (!document.documentElement.lang || all('main').length !== 1) said.push('landmarks');
  return said;
}"""
#: Text whose contrast is too low: 4.5, or 3 where it is large.
FAINT = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const mixed = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    colours.forEach((colour) => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); });
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (colours) => {
    const [red, green, blue] = mixed(colours).map((each) => linear(each / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (element) => {
    const back = ['white'];
    for (let each = element; each; each = each.parentElement) back.splice(1, 0, getComputedStyle(each).backgroundColor);
    const [bright, dark] = [light(back), light([...back, getComputedStyle(element).color])].sort((a, b) => b - a);
    return (bright + 0.05) / (dark + 0.05);
  };
  const needed = ({ fontSize, fontWeight }) => {
    const size = parseFloat(fontSize);
    return size >= 24 || (size >= 18.66 && fontWeight >= 600) ? 3 : 4.5;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest('option, noscript, script')) continue;
    if (contrast(element) < needed(getComputedStyle(element))) faint.push(text + ' ' + contrast(element));
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running(browser, tmp_path_factory.mktemp("shop")) as one:
        yield one


def all_drawn(page: Page) -> None:
    """Wait until every picture has something in it."""
    until(page, "[...document.querySelectorAll('use')].every((each) => each.getBBox().width > 0)")


@pytest.mark.parametrize(("path", "heading", "kind"), PAGES)
def test_a_page(shop: Shop, path: str, heading: str, kind: str | None) -> None:
    with shop.visit(FILLED) as visit:
        page = visit.open(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert page.get_attribute("body", "data-page-type") == kind
        assert page.title().endswith("Fennel Street") or path == "/"
        all_drawn(page)
        assert page.evaluate(MISSING) == []
        assert page.evaluate("shifted") < 0.02


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize(("path", "heading", "kind"), PAGES)
def test_a_page_fits_and_can_be_read(shop: Shop, path: str, heading: str, kind: str | None, width: int) -> None:
    with shop.visit(FILLED, OPEN_OVERLAY, width=width) as visit:
        page = visit.open(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        if path == "/checkout":
            # Its errors are to be read, too.
            page.get_by_role("button", name="Place the order").press("Enter")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert page.evaluate(FAINT) == [], scheme


def test_a_purchase_by_keyboard_alone(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open()
        tab_to(page, "Skip to the content")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        follow(page, "See everything", "Everything we make")
        tab_to(page, "Kitchen" if page.locator("input[value=Kitchen]").is_checked() else "All")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("status").first).to_have_text("4 products")
        follow(page, "Bread board€34.00, in 2 colours", "Bread board")
        tab_to(page, "Oak")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("img", name="Bread board in honey")).to_be_visible()
        tab_to(page, "Add to cart")
        page.keyboard.press("Enter")
        expect(page.get_by_text("1 × Bread board in honey is in your cart.")).to_be_visible()
        follow(page, "Go to the cart", "Your cart")
        tab_to(page, "Quantity of Bread board")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".line-sum")).to_have_text("€68.00")
        follow(page, "Go to checkout", "Checkout")
        for label, value in ADDRESS.items():
            tab_to(page, label)
            page.keyboard.type(value)
        tab_to(page, "Place the order")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada")
        expect(page.locator(".total dd")).to_have_text("€68.00")
        assert page.evaluate("document.activeElement.tagName") == "H1"
        expect(page.get_by_role("link", name="Cart, 0 pieces")).to_be_visible()


def follow(page: Page, link: str, heading: str) -> None:
    tab_to(page, link)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.evaluate("document.activeElement.tagName") == "H1"


def test_the_cart_outlives_a_reload_and_is_one_for_all_tabs(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open("/products/harbour-mug")
        other = visit.context.new_page()
        other.goto(shop.address.url + "/cart")
        page.get_by_label("Ink").check()
        page.get_by_label("Quantity").select_option("3")
        page.get_by_role("button", name="Add to cart").click()
        expect(other.get_by_label("Quantity of Harbour mug")).to_have_value("3")
        page.reload()
        expect(page.get_by_role("link", name="Cart, 3 pieces")).to_be_visible()
        other.get_by_role("button", name="Remove Harbour mug").click()
        expect(other.get_by_text("There is nothing in it yet.")).to_be_visible()
        expect(page.get_by_role("link", name="Cart, 0 pieces")).to_be_visible()


@pytest.mark.parametrize(
    "kept",
    ["{", "[null]", '[{"slug":"no-such","variant":"ink","quantity":1}]', '[{"slug":"harbour-mug","quantity":1e9}]'],
    ids=["not JSON", "not a line", "not sold", "too many"],
)
def test_what_is_kept_and_makes_no_sense_is_left_out(shop: Shop, kept: str) -> None:
    with shop.visit(f"localStorage.setItem('fennel.cart', {kept!r});") as visit:
        expect(visit.open("/cart").get_by_text("There is nothing in it yet.")).to_be_visible()


def test_the_form_names_what_is_missing_and_sends_nothing(shop: Shop) -> None:
    with shop.visit(FILLED) as visit:
        page = visit.open("/checkout")
        page.get_by_label("Town").fill("London")
        page.get_by_label("E-mail").fill("ada at home")
        page.get_by_role("button", name="Place the order").click()
        expect(page.get_by_role("alert")).to_have_text("4 fields still need you.")
        expect(page.get_by_label("E-mail")).to_be_focused()
        expect(page.get_by_label("E-mail")).to_have_accessible_description(
            "Write an e-mail address, such as ada@example.org."
        )
        expect(page.get_by_label("Town")).to_have_attribute("aria-invalid", "false")
        for label, value in ADDRESS.items():
            page.get_by_label(label).fill(value)
        page.get_by_label("Express").check()
        expect(page.locator(".total dd")).to_have_text("€45.90")
        page.get_by_role("button", name="Place the order").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada")
        page.evaluate("opEcomTracker.flush()")
        assert '"amount":45.9' in visit.sent()
        for typed in (*ADDRESS.values(), "Ada", "ada at home"):
            assert typed not in visit.sent()


def test_back_and_forward_show_the_pages_and_their_types(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open("/about")
        page.get_by_role("link", name="Shop", exact=True).click()
        page.get_by_role("link", name="Harbour mug").click()
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Everything we make")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("A small shop with long memories")
        assert page.get_attribute("body", "data-page-type") == "Informational"
        page.go_forward()
        assert page.get_attribute("body", "data-page-type") == "ProductRelated"
        expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Shop")).to_have_attribute(
            "aria-current", "page"
        )


def test_without_a_tracker_the_shop_sells_and_the_overlay_reports_that(shop: Shop) -> None:
    with shop.visit(FILLED) as visit:
        visit.context.route("**/static/tracker.js", lambda route: route.abort())
        page = visit.open("/checkout")
        page.get_by_role("button", name="Live intent").click()
        expect(page.locator(".state")).to_contain_text("The tracker did not load")
        for label, value in ADDRESS.items():
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Place the order").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada")
        assert visit.faults == ["Failed to load resource: net::ERR_FAILED"]
        visit.faults.clear()


def test_the_overlay_is_off_where_nothing_is_measured_and_is_remembered(shop: Shop) -> None:
    with shop.visit(driven=True) as visit:
        page = visit.open()
        tab_to(page, "Live intent")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Close live intent")).to_be_focused()
        expect(page.locator(".state")).to_contain_text("Nothing is measured")
        page.reload()
        expect(page.locator(".state")).to_be_visible()
        tab_to(page, "Close live intent")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Live intent", exact=True)).to_be_focused()
        page.reload()
        expect(page.locator(".state")).to_be_hidden()


def test_nothing_moves_where_reduced_motion_is_preferred(shop: Shop) -> None:
    with shop.visit() as visit:
        visit.page.emulate_media(reduced_motion="reduce")
        page = visit.open()
        moves = "getComputedStyle(each).transitionDuration !== '0s'"
        moving = f"[...document.querySelectorAll('*')].filter((each) => {moves}).length"
        assert page.evaluate(moving) == 0
        page.emulate_media(reduced_motion="no-preference")
        assert page.evaluate(moving) > 0
