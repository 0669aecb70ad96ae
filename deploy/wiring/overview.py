"""Builds the routes of the overview over open databases."""

from functools import partial
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.pages import money, path_patterns
from deploy.wiring.storage import DatabaseHandles
from ingest.events import base_site
from storage.http.access import Access
from storage.overview.api import overview_routes
from storage.overview.reads import OverviewReads
from storage.query.queries import Waited


def overview(settings: Settings, opened: DatabaseHandles, permitted: Access, waited: Waited) -> APIRouter:
    """The routes under /admin/overview, with sites as settings and file of sites have them at each answer."""
    reads = OverviewReads(
        *opened,
        waited,
        money=partial(money, settings),
        zone=partial(site_zone, settings),
        patterns=partial(path_patterns, settings),
    )
    return overview_routes(reads, permitted.scoped("export"))


def site_zone(settings: Settings, site: str) -> ZoneInfo:
    """The time zone of a site or of a run of one; UTC of one that nobody knows. Raises SetupError."""
    known = sites_of(settings).get(base_site(site))
    return ZoneInfo("UTC" if known is None else known.timezone)
