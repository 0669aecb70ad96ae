"""Builds the routes with which a site is set up: sites, keys, the tag, arrivals."""

from fastapi import APIRouter

from deploy.settings.model import Settings
from deploy.wiring.access_registry import FileRegistry
from deploy.wiring.storage import DatabaseHandles
from storage.http.access import Access
from storage.setup.arrivals import Arrivals
from storage.setup.arrivals_api import arrival_routes
from storage.setup.keys_api import key_routes
from storage.setup.sites_api import site_routes


def setup_routes(settings: Settings, opened: DatabaseHandles, permitted: Access) -> APIRouter:
    """The routes under /sites and /keys, for keys of scope admin, but for arrivals: read."""
    registry, access = FileRegistry(settings), permitted.scoped("admin")
    router = APIRouter()
    router.routes.extend(arrival_routes(Arrivals(opened.client), permitted).routes)
    router.routes.extend(site_routes(registry, access).routes)
    router.routes.extend(key_routes(registry, access).routes)
    return router
