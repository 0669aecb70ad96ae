"""Builds the demonstration shop from the settings and serves it."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from deploy.errors import SetupError
from deploy.http import shop
from deploy.http.serve import serve
from deploy.http.status import create_status_app
from deploy.http.tag import public_url, script_tag
from deploy.settings.access_file import LOOK, AccessFile, Reloading, sites_of
from deploy.settings.model import SIMULATED_SITES, Settings
from deploy.wiring.process_metrics import add_process_metrics
from ingest import script


def site(settings: Settings, file: AccessFile) -> str:
    """The site that visits are of: the one of the settings, else `default`, else your first; raises SetupError."""
    known, wanted = sites_of(settings, file), settings.shop.site
    if wanted and wanted not in known:
        raise SetupError(f"shop.site is {wanted}, which is no site: `opecom sites list` has them")
    own = [name for name in known if name not in SIMULATED_SITES]
    return wanted or ("default" if "default" in own else own[0])


def app(settings: Settings, look: float = LOOK) -> Starlette:
    """The shop, with `/livez`, `/readyz` and `/metrics`; raises SetupError.

    Its tag follows the file of sites and keys, at most `look` seconds behind.
    """
    registry = CollectorRegistry()
    add_process_metrics(registry, "shop")
    status, files = create_status_app(registry, lambda: True, ""), shop.folder()
    html = Reloading(settings, lambda file: shop.page(files, script_tag(settings, site(settings, file))), look)
    stub = script.read(settings.ingest.script_path).stub_hash
    return shop.create_app(files, html, public_url(settings), stub, status.routes)


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Serve until `stop`; returns 0. Raises SetupError and PortTakenError."""
    if not settings.shop.port:
        raise SetupError("shop.port is 0, so the shop does not run: set OPECOM_SHOP__PORT, such as to 5173")
    await serve(app(settings), settings.shop.host, settings.shop.port, stop)
    return 0
