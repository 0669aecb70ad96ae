"""The routes of operations: health, lag, dead letters, retention and webhooks."""

from fastapi import APIRouter

from deploy.settings.access_file import Reloading, sites_of
from deploy.settings.model import Settings
from deploy.wiring import dead_letters, health
from deploy.wiring.storage import DatabaseHandles
from ingest.documented_app import joined
from storage.http.access import Access
from storage.retention.api import retention_routes
from storage.retention.runner import RetentionRunner
from storage.webhooks.addresses import Resolver
from storage.webhooks.api import webhook_routes

#: Names that are looked up at once when webhooks are made.
RESOLVERS = 4


def routes(settings: Settings, opened: DatabaseHandles, permitted: Access, retention: RetentionRunner) -> APIRouter:
    """All of them; raises SetupError."""
    sites = Reloading(settings, lambda file: sites_of(settings, file))
    return joined(
        health.routes(settings, permitted),
        dead_letters.routes(settings, opened, permitted),
        retention_routes(retention, permitted.scoped("admin")),
        webhook_routes(opened.engine, sites, Resolver(RESOLVERS), permitted.scoped("admin")),
    )
