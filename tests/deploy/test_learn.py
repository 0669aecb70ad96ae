"""`opecom learn`: the timeline of a site becomes a candidate in the registry, or one line says why not."""

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import AwayError, SetupError
from deploy.processes import data_folder
from deploy.settings.model import Settings, load
from deploy.terminal import query_client
from deploy.wiring.storage import databases
from scoring import registry
from storage.write.clickhouse_sink import AnalyticsSink
from stream.scored import Cause, Counts, ScoredSession
from tests.support.events import NOON, event_id
from tests.support.ports import free_port
from tests.support.scored import SIGNALS, scored
from tests.support.sinks import block

UNTIL = "2025-02-01"
DAY = 24 * 3_600_000

pytestmark = pytest.mark.skipif(find_spec("lightgbm") is None, reason="the extra `learn` is not installed")


def updates(sessions: int, site: str = "shop") -> Iterator[ScoredSession]:
    """Sessions of three events in 20 days; each tenth buys, mostly one of those with a cart."""
    chance, offset = np.random.default_rng(1), 0
    for number in range(sessions):
        with_cart = chance.random() < 0.2
        bought = bool(chance.random() < (0.35 if with_cart else 0.04))
        for event in range(1, 5):
            offset += 1
            closed = event == 4
            count = min(event, 3)
            yield scored(
                offset, closed, site=site, session_id=f"s{number}", opened_at=NOON + number * (20 * DAY // sessions),
                event=Cause(offset) if closed else Cause(offset, event_id(offset), "page_view"),
                counts=Counts(count, count, 0, 0, 0), revenue=bought and closed,
                signals=replace(SIGNALS, events=count, cart_quantity=2.0 * (with_cart and event > 1)),
            )  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path / "data"))
    return load()


def stored(settings: Settings, sessions: int, site: str = "shop") -> None:
    async def write() -> None:
        async with databases(settings) as opened:
            AnalyticsSink(opened.client).write(block(*updates(sessions, site)))

    asyncio.run(write())


def run(*options: str) -> str:
    return CliRunner().invoke(
        app, ["learn", "--site", "shop", "--until", UNTIL, *options], catch_exceptions=False
    ).output  # fmt: skip


def test_a_candidate_and_its_report_come_of_the_timeline(settings: Settings) -> None:
    stored(settings, 900)
    begin = ("--days", "60", "--json")
    answer = json.loads(run(*begin).splitlines()[-1])
    folder = settings.data_dir / "models"
    model = registry.load(folder, answer["version"])
    assert model.manifest.version.startswith("recalibrated-shop-")
    assert registry.current(folder) == registry.current(registry.SHIPPED)
    assert Path(answer["report"]).parent == settings.data_dir / "learning"
    assert "shop, sessions opened from" in Path(answer["report"]).read_text()
    assert answer["metrics"]["auc_test"] > 0.4
    known = registry.manifests(folder)
    with pytest.raises(SetupError, match=r"cannot write /dev/full: No space left on device: name another place"):
        run(*begin, "--report", "/dev/full")
    # The same rows gave the same model, which was there.
    assert registry.manifests(folder) == known


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param(("--until", "2199-01-01"), "--until is in the future", id="a window that is yet to come"),
        pytest.param((), "there is no site shop: sites are .*default", id="an unknown site"),
    ],
)
def test_what_cannot_be_learned_is_one_line(settings: Settings, options: tuple[str, ...], line: str) -> None:
    with pytest.raises(SetupError, match=line) as refused:
        run(*options)
    assert "\n" not in str(refused.value)


def test_too_few_purchases_are_counted(settings: Settings) -> None:
    stored(settings, 60, "shop")
    # Beside a site that has enough.
    stored(settings, 900, "large")
    with pytest.raises(SetupError, match=r"\d+ of 60 sessions bought, and learning takes 30: take more days"):
        run("--days", "60")


def test_of_a_running_system_whose_api_is_away_there_is_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPECOM_API__PORT", str(free_port()))
    monkeypatch.setattr(query_client, "RESTART_SECONDS", 0.5)
    with data_folder.held(settings.data_dir) as folder:
        data_folder.announce(folder, "127.0.0.1:1")
        with pytest.raises(AwayError, match=r"does not give the rows .*: see `opecom doctor`"):
            run()
