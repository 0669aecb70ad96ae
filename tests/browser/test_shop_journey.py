"""From home to success: the database has the session that the journey implies; the overlay shows its probability."""

import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import exp, log
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from scoring import registry
from scoring.features import MONTH_CODES, VISITOR_CODES
from scoring.prior import EVENTS, OF_ONE_SHOP, RISE, SLOPE
from scoring.site_profile import EXPECTED_CONVERSION
from storage.database import tables
from tests.support.shop import Shop, Visit, running, until

#: Written down by the page at what the visitor does, before the shop or the tracker hears of it: when a click or a
#: submit left one page for the next.
LEDGER = """
window.left = [];
for (const type of ['click', 'submit'])
  document.addEventListener(type, () => left.push([type, Date.now(), location.pathname]), true);
"""
ADDRESS = {
    "E-mail": "ada@example.org",
    "Name": "Ada Lovelace",
    "Street and number": "St James's Square 12",
    "Postcode": "SW1Y 4JH",
    "Town": "London",
}
#: What the visitor sees, in order, and what the shop says each page is.
SEEN = [
    ("/", None),
    ("/products", "ProductRelated"),
    ("/products/reading-lamp", "ProductRelated"),
    ("/about", "Informational"),
    ("/cart", "Administrative"),
    ("/checkout", "Administrative"),
    ("/success", None),
]
#: What the shop reports of products, cart and checkout on the way.
REPORTED = ("view_item_list", "view_item", "add_to_cart", "view_cart", "begin_checkout", "add_shipping_info")
#: Seconds within which a score is on the page: the tracker gathers for three of them.
SCORED_WITHIN = 90.0


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running(browser, tmp_path_factory.mktemp("journey")) as one:
        yield one


def test_the_journey(shop: Shop) -> None:
    with shop.visit(LEDGER) as visit:
        began, shown = time.time(), []
        page = visit.open()
        page.get_by_role("button", name="Live intent").click()
        shown.append(version_after(page, 0))
        page.get_by_role("link", name="See everything").click()
        shown.append(version_after(page, shown[-1]))
        page.get_by_role("link", name="Reading lamp").click()
        page.get_by_label("Honey").check()
        page.get_by_label("Quantity").select_option("2")
        page.get_by_role("button", name="Add to cart").click()
        shown.append(version_after(page, shown[-1]))
        page.get_by_role("link", name="About").click()
        shown.append(version_after(page, shown[-1]))
        page.get_by_role("link", name="Cart, 2 pieces").click()
        page.get_by_role("link", name="Go to checkout").click()
        for label, value in ADDRESS.items():
            page.get_by_label(label).fill(value)
        shown.append(version_after(page, shown[-1]))
        page.get_by_role("button", name="Place the order").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada")
        page.evaluate("opEcomTracker.flush()")

        row = settled(shop, page)
        assert {name: row[name] for name in WANTED} == WANTED
        assert re.findall(r'"commerce":{"action":"(\w+)"', visit.sent()) == list(REPORTED)
        others = row["ping_count"] + row["custom_count"] + len(REPORTED)
        assert row["event_count"] == 1 + len(SEEN) + others + 1
        for name, seconds in durations(page).items():
            assert row[name] == pytest.approx(seconds, abs=0.5), name
        assert began - 1 < row["opened_at"] / 1000 < began + 30
        assert views(shop, row) == SEEN

        intent = read(shop, f"/sessions/{row['session_id']}/intent")
        timeline = read(shop, f"/sessions/{row['session_id']}/timeline")["updates"]
        assert on_the_overlay(page) == intent["probability"] == row["probability"]
        assert intent["probability"] == pytest.approx(of_new_visitor(row), abs=1e-6)
        told = {update["version"]: update["probability"] for update in timeline}
        assert set(shown) <= told.keys()
        assert len({told[version] for version in shown}) >= 4, "the probability did not move along the way"
        overlay_is_true(page, intent)


#: What the visitor did: two lamps in honey, for 238 euros with free delivery.
WANTED = {
    "administrative_count": 2,
    "informational_count": 1,
    "product_related_count": 2,
    "page_view_count": 7,
    "custom_count": 1,
    "purchase_count": 1,
    "cart_quantity": 0.0,
    "cart_value": 0.0,
    "checkout_step": 0,
    "previous_sessions": 0,
    "revenue": True,
    "amount": 238.0,
    "visitor_type": "New_Visitor",
    "status": "open",
    "site": "default",
}


def version_after(page: Page, version: int) -> int:
    """The version that the overlay shows, once it is newer."""
    until(page, f"Number(document.querySelector('.chance').dataset.version ?? 0) > {version}", SCORED_WITHIN)
    return int(page.get_attribute(".chance", "data-version") or 0)


def on_the_overlay(page: Page) -> float:
    return float(page.get_attribute(".chance", "data-probability") or -1)


def settled(shop: Shop, page: Page) -> dict[str, Any]:
    """The row, when it has the purchase and the last view, and the overlay shows its version."""
    session = page.evaluate("opEcomTracker.session().sessionId")
    until = time.monotonic() + SCORED_WITHIN
    row: dict[str, Any] = {}
    while time.monotonic() < until:
        with shop.engine.connect() as connection:
            asked = select(tables.sessions).where(tables.sessions.c.session_id == session)
            row = dict(connection.execute(asked).one()._mapping)
        shown = page.get_attribute(".chance", "data-version")
        if row["purchase_count"] and row["page_view_count"] == len(SEEN) and str(row["version"]) == shown:
            return row
        page.wait_for_timeout(100)
    pytest.fail(f"the overlay shows version {shown}, the database has {row}")


def durations(page: Page) -> dict[str, float]:
    """Seconds by page type, from the moments at which the visitor left a page."""
    left: dict[str, int] = {}
    for _, at, path in page.evaluate("left"):
        left[path] = at
    starts = {path: left[before] for (before, _), (path, _) in pairwise(SEEN)}
    seconds = {"Administrative": 0.0, "Informational": 0.0, "ProductRelated": 0.0}
    for path, kind in SEEN:
        if kind:
            seconds[kind] += (left[path] - starts[path]) / 1000
    return {
        "administrative_duration": seconds["Administrative"],
        "informational_duration": seconds["Informational"],
        "product_related_duration": seconds["ProductRelated"],
    }


def views(shop: Shop, row: dict[str, Any]) -> list[tuple[str, str | None]]:
    columns = tables.page_views.c
    with shop.engine.connect() as connection:
        asked = select(columns.page_url, columns.page_type).where(columns.session_id == row["session_id"])
        return [(path, kind) for path, kind in connection.execute(asked.order_by(columns.viewed_at))]


def read(shop: Shop, path: str) -> dict[str, Any]:
    answer = httpx.get(shop.stack.api.url + path, headers=shop.stack.read_headers, timeout=90)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def by_onnxruntime(row: dict[str, Any]) -> float:
    """The probability of a row of the database by its model's file alone, without what its training shop alone has."""
    values = [
        row["administrative_count"],
        row["administrative_duration"],
        row["informational_count"],
        row["informational_duration"],
        row["product_related_count"],
        row["product_related_duration"],
        row["bounce_rates"],
        row["exit_rates"],
        row["page_values"],
        row["special_day"],
        MONTH_CODES[row["month"]],
        row["operating_system_code"],
        row["browser_code"],
        row["region"],
        row["traffic_type"],
        VISITOR_CODES[row["visitor_type"]],
        row["is_weekend"],
    ]
    reference = registry.manifest(registry.SHIPPED, row["model_version"]).reference_row
    values[OF_ONE_SHOP] = reference[OF_ONE_SHOP]
    model = onnxruntime.InferenceSession(registry.SHIPPED / row["model_version"] / "model.onnx")
    (probability,) = model.run(["probability"], {"features": np.array([values], np.float32)})
    return float(probability[0])


def of_new_visitor(row: dict[str, Any]) -> float:
    """The site's probability by a model of another shop, for a new visitor with nothing in the cart: docs/model.md."""
    shop = registry.manifest(registry.SHIPPED, row["model_version"]).training_shop
    assert shop is not None
    rise = RISE[bisect_right(EVENTS, row["event_count"]) - 1]
    site = log_odds(EXPECTED_CONVERSION) + rise + SLOPE * (log_odds(by_onnxruntime(row)) - shop.level)
    return 1 / (1 + exp(-site))


def log_odds(probability: float) -> float:
    return log(probability / (1 - probability))


def overlay_is_true(page: Page, intent: dict[str, Any]) -> None:
    """What people read is what the intent says."""
    expect(page.locator(".chance")).to_have_text(f"{intent['probability']:.1%}")
    expect(page.locator(".band")).to_have_text(intent["band"])
    expect(page.locator(".state")).to_have_attribute("data-state", "live")
    assert page.locator(".reason .spoken").all_text_contents() == [each["text"] for each in intent["reasons"]]
    raising = page.locator(".reason-size.raises")
    assert raising.count() == sum(each["contribution"] >= 0 for each in intent["reasons"])
    expect(page.locator("[data-feature=ProductRelated]")).to_have_text("2")
    expect(page.locator("[data-feature=VisitorType]")).to_have_text("New visitor")


def test_the_overlay_shows_that_the_connection_is_lost_and_comes_back(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open("/products")
        page.get_by_role("button", name="Live intent").click()
        first = version_after(page, 0)
        visit.context.set_offline(True)
        expect(page.locator(".state")).to_have_attribute("data-state", "lost")
        visit.context.set_offline(False)
        page.get_by_role("link", name="Harbour mug").click()
        version_after(page, first)
        expect(page.locator(".state")).to_have_attribute("data-state", "live")
        forgive(visit, "net::ERR_INTERNET_DISCONNECTED")


def test_a_site_that_shows_its_bands_gives_no_reasons(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bands")
    with running(browser, folder, OPECOM_SITES__DEFAULT__INTENT_IN_BROWSER="band") as shop, shop.visit() as visit:
        page = visit.open("/products")
        page.get_by_role("button", name="Live intent").click()
        version_after(page, 0)
        expect(page.locator(".band")).to_have_text(re.compile("low|building|high"))
        expect(page.get_by_text("What moves it most")).to_be_hidden()
        expect(page.get_by_text("The seventeen features")).to_be_hidden()


def forgive(visit: Visit, said: str) -> None:
    """Lines that the browser itself writes of what the test did to it."""
    visit.faults = [fault for fault in visit.faults if said not in fault]
