"""Where a benchmark runs: its settings reach the parts, and what is missing is one line."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from deploy.bench.errors import BenchError
from deploy.bench.log import compare
from deploy.bench.run import changed, environment, started
from deploy.cli.failures import lines
from deploy.errors import SetupError
from deploy.log.topics import wanted
from deploy.settings.model import Settings, SiteSettings, load
from tests.support.services import Broker


def test_a_part_gets_the_very_settings_of_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site = SiteSettings(special_days=("02-14",), write_keys=("k",), import_keys=(SecretStr("secret"),))
    settings = Settings(profile="services", data_dir=tmp_path / "data", sites={"uci": site})
    settings = changed(settings, "kafka", bootstrap="127.0.0.1:1", events_topic="events-x", idempotent=True)
    settings = changed(settings, "storage", url=SecretStr("mysql+pymysql://u:p@h/d"))
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load() == settings


def test_a_value_becomes_what_its_setting_is() -> None:
    assert changed(Settings(), "storage", url="sqlite://").storage.url == SecretStr("sqlite://")
    with pytest.raises(ValidationError):
        changed(Settings(), "storage", gather_ms="often")


def test_without_java_there_is_one_line_and_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match="Java is missing") as failed, started(Settings()):
        pass
    assert len(lines(failed.value) or []) == 1


async def test_a_kafka_that_does_not_answer_is_one_line_that_names_the_setting() -> None:
    settings = changed(Settings(profile="services"), "kafka", bootstrap="127.0.0.1:1")
    with started(settings) as run, pytest.raises(SetupError, match=r"127\.0\.0\.1:1 .*OPECOM_KAFKA__BOOTSTRAP"):
        async with run.log("worker"):
            pass


@pytest.mark.kafka
async def test_a_run_has_no_topic_of_an_installation(kafka: Broker) -> None:
    """What it removes at its end would be the installation's: erasures and experiments are kept for ever."""
    settings = changed(Settings(profile="services"), "kafka", bootstrap=kafka.bootstrap)
    names = {topic.name for topic in wanted(settings.kafka)}
    with started(settings) as run:
        async with run.log("worker") as log:
            assert not names & {topic.name for topic in wanted(log.settings.kafka)}
            assert len(wanted(log.settings.kafka)) == len(names)


@pytest.mark.parametrize(
    ("back", "says"),
    [
        pytest.param(["a"], "1 of them did not come back", id="one is missing"),
        pytest.param(["a", "b", "b"], "1 came twice", id="one came twice"),
        pytest.param(["a", "b", "c"], "1 were never sent", id="one is foreign"),
    ],
)
def test_records_that_differ_from_what_was_sent_give_no_figure(back: list[str], says: str) -> None:
    compare({"a", "b"}, ["b", "a"], "worker")
    with pytest.raises(BenchError, match=says):
        compare({"a", "b"}, back, "worker")
