"""Builds the console over the query API from the settings and serves both ports."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.applications import Starlette

from deploy.console import build
from deploy.console.app import create_app
from deploy.console.pages import ConsolePages
from deploy.console.sign_in import ShownSite
from deploy.http.connections import ConnectionLimits
from deploy.http.serve import serve
from deploy.processes.ports import listen
from deploy.settings.access_file import AccessFile, Reloading, sites_of
from deploy.settings.model import Settings
from storage.http.access import Access


def app(settings: Settings, api: FastAPI, permitted: Access) -> Starlette:
    """The console, whose `/api` is this very query API."""

    def shown(file: AccessFile) -> list[ShownSite]:
        return [ShownSite(name, site.timezone) for name, site in sites_of(settings, file).items()]

    return create_app(ConsolePages(build.PAGES, build.state), api, permitted, Reloading(settings, shown))


def console_listener(settings: Settings) -> socket.socket | None:
    """The console's port, taken before anything is opened; None where it is 0. Raises PortTakenError."""
    return listen(settings.console.host, settings.console.port) if settings.console.port else None


@contextlib.asynccontextmanager
async def served_console(
    settings: Settings,
    api: FastAPI,
    permitted: Access,
    listener: socket.socket | None,
    stop: asyncio.Event,
    limits: ConnectionLimits,
) -> AsyncIterator[None]:
    """Serves the console on `listener` until `stop`, while the body runs."""
    if listener is None:
        yield
        return
    built, console = app(settings, api, permitted), settings.console
    serving = asyncio.create_task(
        serve(built, console.host, console.port, stop, listener=listener, limits=limits), name="console"
    )
    try:
        yield
    finally:
        await serving
