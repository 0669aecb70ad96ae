"""The query API's OpenAPI document without databases: the application is built, and nothing of it is asked."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from deploy.settings.model import Settings
from deploy.wiring import api
from deploy.wiring.access import access
from deploy.wiring.storage import DatabaseHandles


def query_document(settings: Settings) -> dict[str, Any]:
    """The document that the query API serves at /openapi.json."""
    opened = DatabaseHandles(create_engine("sqlite://"), None)
    permitted = access(settings, own_key=False)
    built = api.app(settings, opened, permitted, CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened))
    return built.openapi()
