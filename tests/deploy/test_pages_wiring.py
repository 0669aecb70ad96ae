"""The writer says how many sites' page statistics are held, and where scores do not fit a shop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring import pages
from storage.database.errors import DatabaseUnavailableError
from storage.metrics import WriterMetrics
from storage.pages.refresh import Refreshed
from storage.query.model_fit import ModelFit
from stream.fold.pages import HeldPages

ENDS = ("low", "auc", "high")
HELD = HeldPages("shop", "/cart", "bounce_rate", 0.31, 0.9995, 240, 4_240)


class Refreshes:
    """Refreshes of which the first holds a site and the second none; the last ends all."""

    def __init__(self, stop: asyncio.Event, registry: CollectorRegistry) -> None:
        self.counted: list[float | None] = []
        self._stop, self._registry = stop, registry

    async def refresh(self, whole: bool) -> Refreshed:
        assert not whole
        self.counted.append(self._registry.get_sample_value("opecom_writer_pages_held_sites"))
        if len(self.counted) == 3:
            self._stop.set()
        return Refreshed(4, 2, 0, held=(HELD,) if len(self.counted) == 1 else ())


MISLEADS = ModelFit("shop", "m1", 0.4, 0.35, 0.45, 60, 300, "misleads", "scores of shop rank buyers below others")


async def kept_fresh(
    monkeypatch: pytest.MonkeyPatch, registry: CollectorRegistry, model_fits: Callable[..., list[ModelFit]]
) -> list[float | None]:
    """What three refreshes found counted, with these fits of models."""
    stop = asyncio.Event()
    refreshes = Refreshes(stop, registry)

    def made(*_: Any) -> Refreshes:
        return refreshes

    async def due(event: asyncio.Event, seconds: float) -> bool:
        return event.is_set()

    monkeypatch.setattr(pages, "refresher", made)
    monkeypatch.setattr(pages, "wait_for_event", due)
    monkeypatch.setattr(pages, "model_fits", model_fits)
    settings = Settings(storage=StorageSettings(pages_refresh_seconds=1))
    await pages.keep_fresh(settings, kafka_clients(settings.kafka), None, WriterMetrics(registry), stop)
    return refreshes.counted


async def test_sites_that_are_held_are_counted_and_models_that_mislead_are_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    assert await kept_fresh(monkeypatch, registry, lambda *_: [MISLEADS]) == [0, 1, 0]
    ends = [registry.get_sample_value("opecom_writer_model_auc", {"site": "shop", "end": end}) for end in ENDS]
    assert ends == [0.35, 0.4, 0.45]
    # Once an hour, not at each refresh.
    assert [record.message for record in caplog.records] == [MISLEADS.text]


async def test_refreshes_go_on_where_the_fit_of_models_cannot_be_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> list[ModelFit]:
        raise DatabaseUnavailableError("no answer")

    assert await kept_fresh(monkeypatch, CollectorRegistry(), away) == [0, 1, 0]
    assert [record.message for record in caplog.records] == [
        "how well the model ranks buyers cannot be counted: no answer"
    ]
