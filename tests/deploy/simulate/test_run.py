"""A simulation that breaks off leaves no session open."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from deploy.log import controls
from deploy.log.controls import LogError
from deploy.settings.model import Settings
from deploy.simulate import run, uci_run
from deploy.simulate.draw import draw
from deploy.simulate.progress import StoredCounts
from deploy.simulate.send import SendError


class Nobody:
    def accepted(self, events: int) -> None: ...

    def arrived(self, here: StoredCounts) -> None: ...


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The ticks that are sent, of a log that takes everything and an ingest API that answers."""
    sent: list[tuple[str, int]] = []

    async def tick(_: Any, clock: str, to: int) -> None:
        sent.append((clock, to))

    async def put_pages(*_: Any) -> int:
        return 1

    monkeypatch.setattr(controls, "tick", tick)
    monkeypatch.setattr(controls, "put_pages", put_pages)
    monkeypatch.setattr(run, "is_ready", lambda _: True)
    return sent


@pytest.fixture
def simulation(tmp_path: Path) -> run.Simulation:
    return uci_run.simulation(Settings(data_dir=tmp_path), draw(3), "k3f9")


def sending(simulation: run.Simulation, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> Any:
    async def send(*_: Any) -> None:
        raise failure

    monkeypatch.setattr(simulation, "_send", send)
    return simulation.send_all(create_engine("sqlite://"), 0, Nobody())


@pytest.mark.parametrize("failure", [SendError("refused"), asyncio.CancelledError()], ids=["refused", "Ctrl-C"])
async def test_what_is_open_is_closed_when_sending_breaks_off(
    simulation: run.Simulation, ticks: list[tuple[str, int]], failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(failure)):
        await sending(simulation, monkeypatch, failure)
    ((clock, to),) = ticks
    assert clock == simulation.site == "uci~k3f9"
    assert to > max(visit.start + visit.lasts for visit in simulation._visits)


async def test_a_log_that_is_away_does_not_hide_why_sending_broke_off(
    simulation: run.Simulation, ticks: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise LogError("Kafka is away")

    monkeypatch.setattr(controls, "tick", away)
    with pytest.raises(SendError):
        await sending(simulation, monkeypatch, SendError("refused"))
