"""FastAPI as all APIs of ours use it: operation ids, and a document of structs that is made once."""

from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from ingest.openapi_rules import completed, operation_id


def joined(*routers: APIRouter) -> APIRouter:
    """One router with the routes of several, as they are.

    FastAPI's `include_router` makes each of them a second time at the first request, for a prefix or dependencies that
    could be given there: half of what an application costs.
    """
    whole = APIRouter()
    for router in routers:
        whole.routes.extend(router.routes)
    return whole


class DocumentedApp(FastAPI):
    """An application whose document `describe` completes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            docs_url=None,
            redoc_url=None,
            generate_unique_id_function=lambda route: operation_id(route.name),
            **options,
        )

    def add_routes(self, router: APIRouter) -> None:
        """Take the routes of a router, as `joined` does."""
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.unique_id = operation_id(route.name)
        self.router.routes.extend(router.routes)

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """FastAPI's document with what it does not know of; may change it."""
        return document

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(self.describe(super().openapi()))
        return self.openapi_schema

    def setup(self) -> None:
        """FastAPI's hook for its documents: it would encode the document at each request."""
        encoded = b""

        async def document(_: Request) -> Response:
            nonlocal encoded
            encoded = encoded or msgspec.json.encode(self.openapi())
            return Response(encoded, media_type="application/json")

        self.add_route("/openapi.json", document, include_in_schema=False)
