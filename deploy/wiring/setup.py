"""Builds the routes with which a site is set up: sites, keys, the tag, arrivals."""

from fastapi import APIRouter

from deploy.settings.model import Settings
from deploy.wiring.access_registry import FileRegistry
from deploy.wiring.storage import DatabaseHandles
from ingest.documented_app import joined
from storage.http.access import Access
from storage.setup.arrivals import Arrivals
from storage.setup.arrivals_api import arrival_routes
from storage.setup.keys_api import key_routes
from storage.setup.sites_api import site_routes


def setup_routes(settings: Settings, opened: DatabaseHandles, permitted: Access) -> APIRouter:
    """The routes under /sites and /keys, for keys of scope admin, but for arrivals: read."""
    registry, access = FileRegistry(settings), permitted.scoped("admin")
    arrivals = arrival_routes(Arrivals(opened.client), permitted)
    return joined(arrivals, site_routes(registry, access), key_routes(registry, access))
