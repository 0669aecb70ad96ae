"""Builds the prediction API: routes for the query API, and an application that needs no Kafka and no database."""

import asyncio
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware.cors import CORSMiddleware

from deploy.http.serve import serve
from deploy.processes.ports import listen
from deploy.settings.model import Settings
from deploy.wiring.access import access, read_origins
from deploy.wiring.connection_limits import api_limits
from deploy.wiring.documents import add_documents
from deploy.wiring.models import ChosenModels, CurrentModel
from deploy.wiring.process_metrics import add_process_metrics
from ingest.documented_app import DocumentedApp
from ingest.openapi import METRICS
from scoring.api import prediction_routes, with_structs
from scoring.registry import manifests
from storage.http.access import Access, Caller
from storage.http.answers import refused_with
from storage.http.refusals import add_refusals
from storage.http.request_metrics import RequestMetrics
from storage.metrics import ApiMetrics


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Serve predictions alone until `stop`; 0. Raises SetupError and PortTakenError."""
    registry = CollectorRegistry()
    add_process_metrics(registry, "predict")
    built, limits = app(settings, registry), api_limits(settings)
    with listen(settings.api.host, settings.api.port) as listener:
        await serve(built, settings.api.host, settings.api.port, stop, listener=listener, limits=limits)
    return 0


def predictions(settings: Settings, permitted: Access) -> APIRouter:
    """The prediction routes for whoever may read; raises SetupError where there is no model."""
    model = CurrentModel(settings.scoring)

    def check(request: Request) -> None:
        permitted.check(request.headers, request.client.host if request.client else "")

    return prediction_routes(model, lambda: manifests(model.folder), ChosenModels(model), check, version("op-ecom"))


class _PredictionApp(DocumentedApp):
    """With our structs in the document."""

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        return with_structs(document)


def app(settings: Settings, registry: CollectorRegistry) -> FastAPI:
    """The prediction API alone; raises SetupError."""
    built = _PredictionApp(
        title="OP-ECOM predictions",
        version=version("op-ecom"),
        summary="From a session's features to its purchase intent.",
    )
    metrics = ApiMetrics(registry)
    add_refusals(built)
    permitted = access(settings, own_key=False)
    built.add_routes(predictions(settings, permitted))

    @built.get("/livez", summary="The process answers", tags=["probes"])
    async def get_liveness() -> dict[str, str]:
        return {"status": "alive"}

    @built.get("/readyz", summary="A model is loaded", tags=["probes"])
    async def get_readiness() -> dict[str, str]:
        return {"status": "ready"}

    @built.get(
        "/metrics",
        summary="Prometheus metrics",
        tags=["probes"],
        response_class=Response,
        responses=refused_with() | {200: METRICS},
    )
    async def get_metrics(caller: Annotated[Caller, Depends(permitted.of)]) -> Response:
        caller.require_all_sites("/metrics")
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    built.add_middleware(
        CORSMiddleware,
        allow_origins=read_origins(settings),
        allow_methods=["GET", "POST"],
        allow_headers=["X-OPECOM-Key"],
        expose_headers=["X-OPECOM-Model", "X-OPECOM-Unused"],
        max_age=600,
    )
    built.add_middleware(RequestMetrics, metrics=metrics)
    add_documents(built)
    return built
