"""The rules, the scrape configuration and the dashboard: well-formed, and each alert explained."""

import re
from typing import Any

import pytest

from deploy.settings.model import Settings
from tests.support.monitoring import ALERTS, BOARD, PANELS, ROOT, RULES, SCRAPES
from tests.support.promql import MetricSelector, selectors_of

OPERATIONS = (ROOT / "docs/operations.md").read_text()


def anchors(markdown: str) -> set[str]:
    """The anchors of headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_groups_hold_rules_and_names_are_used_once() -> None:
    assert set(RULES) == {"groups"}
    assert all(set(group) == {"name", "rules"} and group["rules"] for group in RULES["groups"])
    assert len({group["name"] for group in RULES["groups"]}) == len(RULES["groups"])
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_whole_and_explained(rule: dict[str, Any]) -> None:
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert re.fullmatch(r"Opecom[A-Z]\w+", rule["alert"])
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "runbook"}
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert document == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(OPERATIONS)
    selectors_of(rule["expr"])


def test_every_alert_that_is_explained_exists() -> None:
    explained = set(re.findall(r"^### (Opecom\w+)$", OPERATIONS, re.MULTILINE))
    assert explained == {rule["alert"] for rule in ALERTS}


def test_the_jobs_are_the_parts_at_their_default_ports() -> None:
    settings = Settings()
    ports = {
        "opecom-ingest": settings.ingest.port,
        "opecom-worker": settings.worker.metrics_port,
        "opecom-writer": settings.storage.metrics_port,
        "opecom-api": settings.api.port,
        "opecom-webhooks": settings.webhooks.metrics_port,
        "opecom-learner": settings.learning.metrics_port,
    }
    found = {job["job_name"]: job["static_configs"][0]["targets"] for job in SCRAPES["scrape_configs"]}
    assert found == {name: [f"127.0.0.1:{port}"] for name, port in ports.items()}
    assert SCRAPES["rule_files"] == ["rules.yml"]


def test_a_store_that_is_scraped_at_both_ports_counts_once() -> None:
    dropped = {
        job["job_name"]: [rule["regex"] for rule in job.get("metric_relabel_configs", ()) if rule["action"] == "drop"]
        for job in SCRAPES["scrape_configs"]
    }
    assert dropped["opecom-writer"] == ["opecom_api_.*"]
    assert dropped["opecom-api"] == ["opecom_writer_.*"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_queries_the_chosen_data_source_in_promql_and_states_its_unit(panel: dict[str, Any]) -> None:
    assert panel["description"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        selectors_of(target["expr"])
    assert panel["type"] == "heatmap" or panel["fieldConfig"]["defaults"]["unit"]


def test_the_dashboard_has_a_row_for_each_part_and_no_panels_over_each_other() -> None:
    rows = [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Parts",
        "Ingest",
        "Log and lag",
        "Worker",
        "Writer and databases",
        "Query API",
        "Webhooks",
        "Drift and learning",
    ]
    [variable] = BOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    squares = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(squares)) == len(squares)
    assert max(x for x, _ in squares) == 23


def test_what_an_expression_requests_is_found() -> None:
    [rate, lag] = selectors_of(
        'sum by (site, job) (rate(a_total{code="x", job="j"}[$__rate_interval])) > up + max(lag)'
    )
    assert rate == MetricSelector("a_total", (("code", "x"),), frozenset({"site", "code"}))
    assert lag == MetricSelector("lag", (), frozenset())
    assert rate.in_samples([("a_total", {"site": "s", "code": "x"})])
    assert not rate.in_samples([("a_total", {"site": "s", "code": "y"}), ("a_total", {"code": "x"})])
    with pytest.raises(ValueError, match="unclosed"):
        selectors_of("sum(")
