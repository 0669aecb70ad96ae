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
