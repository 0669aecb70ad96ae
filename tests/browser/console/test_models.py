"""Models: a version is refused, forced and rolled back in the page, and live scores follow, in the API and in SQL."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from deploy.processes.ports import wait_until
from scoring import registry
from tests.support.agents import BROWSER
from tests.support.console import Console
from tests.support.models import add_session_model

OTHER, SITE = "other", "default"


def test_promotion_and_roll_back_change_live_scores(console: Console) -> None:
    models, shipped = Path(console.stack.settings.data_dir) / "models", registry.current()
    registry.seed(models)
    add_session_model(models, OTHER)
    before = live_score(console, "models-1")
    assert before[1] == shipped
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/models/")
        versions = page.get_by_role("table", name="Versions of the model")
        for version in (shipped, OTHER):
            expect(versions).to_contain_text(version)
        versions.get_by_role("button", name=shipped, exact=True).click()
        expect(page.get_by_role("region", name=f"Card of {shipped}")).to_contain_text(shipped)
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        promote(page, is_forced=False)
        expect(page.get_by_text(f"The gate refuses it: {OTHER}")).to_be_visible()
        [refused, *_] = console.get("/promotions")["jobs"]
        for line in refused["refusals"]:
            expect(page.get_by_text(line)).to_be_visible()
        assert live_score(console, "models-2")[1] == shipped

        promote(page, is_forced=True)
        expect(page.get_by_text(f"In force: {OTHER}")).to_be_visible()
        expect(page.get_by_text(f"Site {SITE}", exact=True)).to_be_visible()
        changed = live_score(console, "models-3")
        assert (changed[1], changed[0] != before[0]) == (OTHER, True)
        trail = (Path(console.stack.settings.data_dir) / "audit.log").read_text()
        assert re.search(rf'who="key [^"]+" action="promote against the gate" site="{SITE}" subject="{OTHER} ', trail)

        page.get_by_role("button", name="Roll back").click()
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(page.get_by_text("In force: the version before")).to_be_visible()
        expect(page.get_by_text(f"Site {SITE}", exact=True)).to_be_hidden()
        assert live_score(console, "models-4") == before
        kinds = [(each["kind"], each["site"]) for each in console.get("/registry")["history"]]
        assert kinds == [("rollback", SITE), ("promote", SITE)]
        expect(page.get_by_role("table", name="Promotions and roll-backs").get_by_role("row")).to_have_count(3)


def promote(page: Page, is_forced: bool) -> None:
    page.get_by_role("button", name=f"Promote {OTHER}").click()
    form = page.get_by_role("dialog", name=f"Put {OTHER} in force")
    form.get_by_label("Scores").select_option(SITE)
    if is_forced:
        form.get_by_label("Also against the gate").check()
    form.get_by_role("button", name="promote").click()


def live_score(console: Console, session: str) -> tuple[float, str]:
    """Probability and version of a session of one page view, as the API has them, and SQL the same."""
    body = {"session_id": session, "page_url": "http://localhost/p/1", "page_type": "ProductRelated"}
    sent = httpx.post(f"{console.stack.ingest.url}/tracker/pageview", json=body, headers=BROWSER, timeout=90)
    assert sent.status_code == 202, sent.text
    file = Path(console.stack.settings.data_dir) / "opecom.sqlite"
    query = "SELECT probability, model_version FROM sessions WHERE session_id = ?"

    def stored() -> tuple[float, str] | None:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found: tuple[float, str] | None = connection.execute(query, (session,)).fetchone()
            return found

    assert wait_until(lambda: stored() is not None, 30)
    found = console.get(f"/sessions/{session}/intent")
    assert (found["probability"], found["model_version"]) == stored()
    return found["probability"], found["model_version"]
