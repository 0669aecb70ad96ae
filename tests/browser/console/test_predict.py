"""The form for predictions: it answers as the API does, says what would turn the answer, and scores files."""

import csv
import io
import json
import shlex
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.support.console import Console
from tests.support.predictions import EXAMPLE


def shown(page: Page) -> tuple[str, str]:
    """The label and the probability of the gauge."""
    label = page.get_by_test_id("label").locator("span").first.inner_text()
    return label, page.get_by_role("img", name="Probability of a purchase").get_attribute("aria-label") or ""


def predicted(console: Console, body: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = httpx.post(f"{console.stack.api.url}/predict", params=query, json=body, timeout=90)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_report_s_example_and_any_change_get_the_answer_of_the_api(console: Console) -> None:
    with console.visit() as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto("/predict/")
        direct = predicted(console, EXAMPLE, reasons="all")
        expect(page.get_by_test_id("label")).to_contain_text(direct["label"])
        assert shown(page) == (direct["label"], f"Probability of a purchase: {direct['probability']:.1%}")
        answer = page.get_by_role("region", name="The answer")
        texts = answer.get_by_role("list").get_by_role("paragraph").all_inner_texts()
        assert [text.lower() for text in texts] == [each["text"].lower() for each in direct["reasons"][:7]]

        changed = EXAMPLE | {"page_values": 0.0, "visitor_type": "New_Visitor", "month": "Feb", "weekend": True}
        page.get_by_label("Page value", exact=True).fill("0")
        page.get_by_role("radio", name="New").check(force=True)
        page.get_by_label("Month").select_option("Feb")
        page.get_by_role("switch", name="Weekend").check()
        wanted = predicted(console, changed)
        expect(page.get_by_role("img", name="Probability of a purchase")).to_have_attribute(
            "aria-label", f"Probability of a purchase: {wanted['probability']:.1%}"
        )
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
        assert json.loads(words[words.index("-d") + 1]) == changed
        assert words[1].startswith(f"{console.url}/api/predict?")
        # The address carries the form.
        page.wait_for_url("**month=Feb**")
        other = context.new_page()
        other.goto(page.url)
        expect(other.get_by_label("Page value", exact=True)).to_have_value("0")
        expect(other.get_by_test_id("label")).to_contain_text(wanted["label"])
        assert shown(other) == shown(page)


def test_what_would_turn_it_turns_it(console: Console) -> None:
    with console.visit() as context:
        page = context.new_page()
        page.goto("/predict/")
        before = predicted(console, EXAMPLE)["label"]
        listed = page.get_by_role("region", name="What would turn it")
        expect(listed.get_by_role("listitem").first).to_be_visible()
        listed.get_by_role("button", name="Try Page value").click()
        value = float(page.get_by_label("Page value", exact=True).input_value())
        after = predicted(console, EXAMPLE | {"page_values": value})["label"]
        assert {before, after} == {"YES", "NO"}
        expect(page.get_by_test_id("label").locator("span").first).to_have_text(after)


def test_a_file_of_sessions_comes_back_scored(console: Console, tmp_path: Path) -> None:
    sessions = [EXAMPLE, EXAMPLE | {"page_values": 0.0, "exit_rates": 0.2}, EXAMPLE | {"page_values": 60.0}]
    text = io.StringIO()
    csv.writer(text).writerows([list(EXAMPLE), *(list(each.values()) for each in sessions)])
    (tmp_path / "mine.csv").write_text(text.getvalue())
    (tmp_path / "wrong.csv").write_text("month\nSmarch\n")
    with console.visit(console.key) as context:
        page = context.new_page()
        page.goto("/predict/")
        chooser = page.get_by_label("CSV file of sessions")
        chooser.set_input_files(tmp_path / "wrong.csv")
        expect(page.get_by_role("region", name="Many sessions").get_by_role("alert")).to_be_visible()
        chooser.set_input_files(tmp_path / "mine.csv")
        expect(page.get_by_text("3 sessions scored")).to_be_visible()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download scores").click()
        found = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert waiting.value.suggested_filename == "mine-scores.csv"
    assert [(row["label"], float(row["probability"])) for row in found] == [
        (each["label"], each["probability"]) for each in (predicted(console, session) for session in sessions)
    ]
    assert all(row["reason_1"] for row in found)
