"""The console's application: `/api/...` is the query API itself, `/sign-in` says who asks, all else are the pages."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from deploy.console.cookie import CookieAsKey
from deploy.console.pages import ConsolePages
from deploy.console.sign_in import ShownSite, sign_in_routes
from storage.http.access import Access
from storage.http.refusals import add_refusals


def create_app(
    pages: ConsolePages, api: ASGIApp, access: Access, sites: Callable[[], Sequence[ShownSite]]
) -> Starlette:
    """The application.

    `api` answers below `/api` whoever `access` lets in: by a key, or by the cookie of one of its sign-ins. `sites()`
    are those that there are now.
    """
    app = Starlette(
        routes=[
            *sign_in_routes(access, sites),
            Mount("/api", CookieAsKey(api, access.sign_ins)),
            # A stream of the API must not wait in a buffer, so that only pages are packed.
            Mount("/", pages, middleware=[Middleware(GZipMiddleware, minimum_size=500)]),
        ]
    )
    add_refusals(app)
    return app
