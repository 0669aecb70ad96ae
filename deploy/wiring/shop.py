"""Builds the demonstration shop from the settings and serves it."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from deploy import shop
from deploy.errors import SetupError
from deploy.serve import serve
from deploy.settings import SIMULATED_SITES, Settings
from deploy.status import create_status_app
from deploy.tag import public_url, script_tag
from deploy.wiring.process_metrics import add_process_metrics


def site(settings: Settings) -> str:
    """The site that the shop writes to: the one of the settings, else `default`, else your first."""
    if settings.shop.site:
        if settings.shop.site not in settings.sites:
            raise SetupError(
                f"shop.site is {settings.shop.site}, which is no site: `opecom settings` lists them (sites)"
            )
        return settings.shop.site
    own = [name for name in settings.sites if name not in SIMULATED_SITES]
    return "default" if "default" in own else own[0]


def app(settings: Settings) -> ASGIApp:
    """The shop, with `/livez`, `/readyz` and `/metrics`; raises SetupError."""
    registry = CollectorRegistry()
    add_process_metrics(registry, "shop")
    status = create_status_app(registry, lambda: True, "")
    tag = script_tag(settings, site(settings))
    return shop.create_app(shop.folder(), tag, public_url(settings), status.routes)


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Serve until `stop`; returns 0. Raises SetupError and PortTakenError."""
    if not settings.shop.port:
        raise SetupError("shop.port is 0, so the shop does not run: set OPECOM_SHOP__PORT, such as to 5173")
    await serve(app(settings), settings.shop.host, settings.shop.port, stop)
    return 0
