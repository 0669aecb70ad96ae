"""Overview: what the page shows of the UCI simulation is what the API answers and plain SQL counts."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.console.conftest import SESSIONS
from tests.support.console import PHONE, Console, serious

SITE = "uci"
#: The sessions are of a virtual year.
RANGE = {"site": SITE, "from": "2025-01-01", "to": "2026-01-01"}
ADDRESS = f"/overview/?site={SITE}&from=2025-01-01&to=2025-12-31"


def test_the_page_shows_what_the_api_and_sql_count(console: Console, tmp_path: Path) -> None:
    answer = {name: console.get(f"/admin/overview/{name}", **RANGE) for name in ("summary", "funnel", "bands", "pages")}
    visitors = console.get("/admin/overview/segments", dimension="visitor", **RANGE)["segments"]
    figures = answer["summary"]["current"]["figures"]
    assert (figures["sessions"], figures["buyers"], round(figures["revenue"], 2)) == by_sql(console)
    assert (figures["sessions"], figures["buyers"] > 0) == (SESSIONS, True)

    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto(f"{ADDRESS}&compare=none")
        assert stat(page, "Sessions") == str(SESSIONS)
        assert stat(page, "Conversion") == f"{100 * figures['conversion']['value']:.1f}%"
        assert number(stat(page, "Average order value")) == round(figures["average_order_value"], 2)
        assert number(stat(page, "Revenue")) == round(figures["revenue"], 2)
        steps = [step["reached"] for step in answer["funnel"]["steps"]]
        assert column(page, "Funnel", 2) == steps
        assert steps[-1] == figures["buyers"]
        at_fifth = [each for each in answer["bands"]["bands"] if each["moment"] == "event_5"]
        assert column(page, "Conversion by band", 3) == [each["buyers"] for each in reversed(at_fifth)]
        assert column(page, "Pages by value", 3) == [each["sessions"] for each in answer["pages"]["top"][:25]]
        expect(page.get_by_text("No carts in this period")).to_be_visible()
        page.get_by_label("Divide sessions by").first.select_option("Type of visitor")
        assert downloaded(page, "Type of visitor", tmp_path) == [
            [str(each["figures"]["sessions"]), each["figures"]["revenue"]] for each in visitors
        ]

        page.goto(f"/overview/?site={SITE}&from=2025-05-01&to=2025-05-31&compare=none")
        page.get_by_label("Measure").select_option("Revenue")
        page.get_by_label("By", exact=True).select_option("By hour")
        expect(page.get_by_text("By hour, in the site's time zone (UTC)")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Measure")).to_have_value("revenue")
        in_may = int(stat(page, "Sessions"))
        page.get_by_text("All figures as a table").click()
        hours = column(page, "Figures by hour", 2)
        assert (len(hours), sum(hours)) == (31 * 24, in_may)
        page.goto(ADDRESS)
        page.get_by_label("Period").select_option("Today")
        expect(page.get_by_text("No sessions in this period").first).to_be_visible()


def test_carts_of_the_generated_shop_are_those_of_the_api(console: Console) -> None:
    shop = {"site": "generated", "from": "2026-01-01", "to": "2027-01-01"}
    carts, summary = (console.get(f"/admin/overview/{name}", **shop) for name in ("carts", "summary"))
    figures = summary["current"]["figures"]
    assert (figures["sessions"], figures["buyers"], round(figures["revenue"], 2)) == by_sql(console, "generated")
    found = {each["fate"]: each["carts"] for each in carts["fates"]}
    assert sum(found.values()) == carts["carts"]
    # Whoever bought had a cart, and some left theirs.
    assert found["bought"] == figures["buyers"] > 0
    assert found["left"] > 0
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/overview/?site=generated&from=2026-01-01&to=2026-12-31&compare=none")
        assert stat(page, "Sessions") == str(SESSIONS)
        assert column(page, "What became of carts", 2) == list(found.values())


def test_the_page_fits_a_phone_and_names_the_key_that_it_needs(console: Console) -> None:
    with console.visit(console.key, "dark", PHONE) as context:
        page = context.new_page()
        page.goto(ADDRESS, wait_until="networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (serious(page), max(wide, 0)) == ([], 0)
    with console.visit() as context:
        page = context.new_page()
        page.goto(ADDRESS)
        expect(page.get_by_role("main").get_by_text("Sign in to see this")).to_be_visible()


def by_sql(console: Console, site: str = SITE) -> tuple[int, int, float]:
    """Sessions, buyers and revenue, as one query counts them where no order is sent twice."""
    query = "SELECT count(*), sum(revenue), round(sum(amount), 2) FROM sessions WHERE site LIKE ? AND bot = 0"
    with closing(sqlite3.connect(Path(console.stack.settings.data_dir) / "opecom.sqlite")) as database:
        found: tuple[int, int, float] = database.execute(query, [f"{site}%"]).fetchone()
    return found


def stat(page: Page, label: str) -> str:
    return page.locator(f"p:text-is('{label}') + p").inner_text()


def number(text: str) -> float:
    return float("".join(each for each in text if each.isdigit() or each == "."))


def column(page: Page, table: str, place: int) -> list[int]:
    """The whole numbers in a column of a table."""
    found = page.get_by_role("table", name=table, exact=True)
    expect(found).to_be_visible()
    return [int(number(text)) for text in found.locator(f"tbody td:nth-child({place})").all_inner_texts()]


def downloaded(page: Page, card: str, folder: Path) -> list[list[Any]]:
    """Sessions and revenue of the file that a card gives."""
    with page.expect_download() as download:
        page.get_by_role("region", name=card, exact=True).get_by_role("button", name="Download CSV").click()
    download.value.save_as(folder / "file.csv")
    with (folder / "file.csv").open(newline="") as file:
        return [[row["Sessions"], float(row["Revenue"])] for row in csv.DictReader(file)]
