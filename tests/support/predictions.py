"""Sessions as clients of the prediction API say them, and the API itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from deploy.settings.model import ApiSettings, ScoringSettings, Settings
from deploy.wiring import predict
from scoring import registry as model_registry
from tests.support.models import add_session_model

#: The report's own example.
EXAMPLE: dict[str, Any] = {
    "administrative": 0,
    "administrative_duration": 0.0,
    "informational": 0,
    "informational_duration": 0.0,
    "product_related": 35,
    "product_related_duration": 1200.5,
    "bounce_rates": 0.02,
    "exit_rates": 0.04,
    "page_values": 12.5,
    "special_day": 0.0,
    "month": "Nov",
    "operating_systems": 2,
    "browser": 2,
    "region": 1,
    "traffic_type": 1,
    "visitor_type": "Returning_Visitor",
    "weekend": False,
}
#: What contract 2 knows beside it.
SIGNALS: dict[str, Any] = {
    "page_views": 35,
    "events": 61,
    "elapsed_seconds": 1260.5,
    "engaged_seconds": 640.0,
    "mean_scroll_depth": 62.5,
    "distinct_pages": 21,
    "distinct_products": 9,
    "last_page_type": "Administrative",
    "seconds_since_previous_event": 12.25,
    "searches": 2,
    "cart_adds": 3,
    "cart_removes": 1,
    "cart_quantity": 2.0,
    "cart_value": 149.9,
    "checkout_step": 1,
    "wishlist_adds": 0,
    "hour": 20,
    "device_class": "mobile",
    "previous_sessions": 4,
    "previous_purchases": 1,
    "days_since_previous_session": 6.5,
}


def both_contracts(folder: Path, current: str = "session") -> Path:
    """A registry of the shipped model and of `session`, one of feature contract 2."""
    model_registry.seed(folder)
    add_session_model(folder, "session")
    if current != model_registry.current():
        model_registry.promote(folder, current)
    return folder


def app(registry: Path | None = None, profile: Any = "embedded", **api: Any) -> FastAPI:
    scoring = ScoringSettings(registry=str(registry or ""))
    return predict.app(Settings(profile=profile, scoring=scoring, api=ApiSettings(**api)), CollectorRegistry())


@asynccontextmanager
async def client(
    registry: Path | None = None, peer: str = "127.0.0.1", **given: Any
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app(registry, **given), client=(peer, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as made:
        yield made
