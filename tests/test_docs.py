"""The documents name what the program has, and nothing that it has not."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from deploy.settings.model import KafkaSettings
from deploy.wiring.process_metrics import add_process_metrics
from ingest.codes import TRAFFIC_TYPES
from ingest.events import Code
from ingest.metrics import IngestMetrics
from ingest.parsing.hosts import IGNORED_REFERRERS
from ingest.parsing.traffic import CLICK_IDS
from ingest.spool.metrics import add_spool_metrics
from storage.metrics import ApiMetrics, WriterMetrics
from storage.webhooks.metrics import WebhookMetrics
from stream.metrics import WorkerMetrics

ROOT = Path(__file__).parents[1]
#: Those with links; README.md and the changelog are read by the tests of their own.
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "SECURITY.md", *ROOT.glob("docs/**/*.md")))


def read(name: str) -> str:
    return (ROOT / name).read_text()


def metric_names() -> list[str]:
    storage = CollectorRegistry()
    WriterMetrics(storage)
    ApiMetrics(storage)
    WebhookMetrics(storage)
    add_process_metrics(storage, "writer", folder=ROOT)
    ingest = IngestMetrics().registry
    add_spool_metrics(
        ingest, SimpleNamespace(spool=SimpleNamespace(most_bytes=1, trouble=""), waiting=0, size=0, lost=0)
    )
    registries = (WorkerMetrics().registry, ingest, storage)
    families = [family for registry in registries for family in registry.collect()]
    return sorted({family.name for family in families})


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_documented(name: str) -> None:
    assert name in read("docs/operations.md")


@pytest.mark.parametrize(
    "topic",
    [field.default for name, field in KafkaSettings.model_fields.items() if name.endswith("_topic")],
)
def test_every_topic_is_documented(topic: str) -> None:
    assert topic in read("docs/architecture.md") + read("docs/operations.md")


@pytest.mark.parametrize("code", TRAFFIC_TYPES[1:], ids=lambda code: code.name)
def test_every_traffic_type_is_documented(code: Code) -> None:
    assert f"| {code.code} | {code.name} |" in read("docs/features.md")


def test_every_click_id_is_documented() -> None:
    named = {name.lower() for name in re.findall(r"`([A-Za-z_]+)`", read("docs/features.md"))}
    assert set(CLICK_IDS) <= named


def test_every_ignored_referrer_is_documented() -> None:
    named = set(re.findall(r"`([a-z0-9.-]+)`", read("docs/sites-and-keys.md")))
    assert named >= IGNORED_REFERRERS


def test_the_readme_runs_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", read("README.md") + read("CONTRIBUTING.md") + read(".ci/run")))
    assert named
    assert named <= targets


def test_ci_runs_nothing_that_a_user_could_not() -> None:
    commands = [
        line for line in read(".ci/run").splitlines() if line and not line.startswith(("#", "set", "cd", "export"))
    ]
    assert commands == ["make check", "make secrets", "make test", "make test-train"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_files_exist(document: str) -> None:
    text = read(document)
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), f"{document} links to {target}"
    for path in re.findall(r"`((?:ingest|stream|scoring|storage|deploy|tests)/[\w/.-]+\.(?:py|sql|json|md))`", text):
        assert (ROOT / path).exists(), f"{document} names {path}"


def test_each_promise_of_the_threat_model_is_linked_to() -> None:
    """Whoever reports a weakness, and whoever reads how we defend ourselves, finds what is defended."""
    for document in ("README.md", "SECURITY.md"):
        assert "docs/threat-model.md" in read(document)
    assert "threat-model.md" in read("docs/security.md")


def test_the_readme_names_every_top_folder_of_code() -> None:
    for folder in ("ingest", "stream", "scoring", "storage", "deploy", "tests", "docs"):
        assert f"{folder}/" in read("README.md")


def test_the_list_of_decisions_has_each() -> None:
    listed = re.findall(r"^\d+\. \[(.+)\]\((\d{4}-\S+\.md)\)$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)
    files = sorted(file for file in (ROOT / "docs/adr").glob("*.md") if file.name != "README.md")
    titles = [file.read_text().splitlines()[0].partition(". ")[2] for file in files]
    assert listed == list(zip(titles, [file.name for file in files], strict=True))
