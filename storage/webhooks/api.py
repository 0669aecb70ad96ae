"""Webhooks over HTTP: what `opecom webhooks` does. For keys of scope admin; a key of one site has those of its site."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.webhooks import deliveries, delivery_log, message, registry
from storage.webhooks.addresses import ForbiddenError, Resolve
from storage.webhooks.answers import (
    DeliveryList,
    DeliveryView,
    NewWebhook,
    RotationOrder,
    WebhookList,
    WebhookOrder,
    WebhookView,
    delivery_view,
    view_of,
)
from storage.webhooks.crossings import Webhook
from storage.webhooks.deliveries import Delivery, State
from storage.webhooks.delivery_log import DeliveryFilter
from storage.webhooks.reach import require_reachable
from storage.webhooks.registry import UnknownWebhookError

MOST_DELIVERIES, MOST_BYTES = 500, 16_384
#: Seconds that a name may take to resolve when a webhook is made, and after which a database may be asked again.
RESOLVE_SECONDS, RETRY_SECONDS = 5.0, 2
HOUR_MS = 3_600_000
Answer = TypeVar("Answer")

Name = Annotated[str, Path(max_length=40, description="Its id, as the list has it.")]


class DeliveriesQuery(BaseModel):
    """Which deliveries; a misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: str = Field("", max_length=40, description="Those of one webhook.")
    state: State | None = Field(None, description="due, delivered, dead or held; none: all.")
    site: str | None = Field(None, max_length=97, description="One site; none: all.")
    session: str = Field("", max_length=64, description="Those about one session.")
    cursor: str = Field("", max_length=60, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=MOST_DELIVERIES, description="Most deliveries of one answer.")


def webhook_routes(
    engine: Engine, known_sites: Callable[[], Collection[str]], resolve: Resolve, access: Access
) -> APIRouter:
    """The routes of webhooks and of their deliveries; `access` asks for the scope."""
    router = APIRouter(tags=["webhooks"], dependencies=[ADMIN_KEY])
    _add_deliveries(router, engine, access)
    _add_webhooks(router, engine, known_sites, resolve, access)
    return router


def _add_deliveries(router: APIRouter, engine: Engine, access: Access) -> None:
    permitted = Depends(access.of)

    @router.get(
        "/webhook-deliveries",
        summary="What was delivered, is due, was given up, or is held back by an experiment",
        responses=answered(DeliveryList, "unavailable"),
    )
    async def list_deliveries(
        params: Annotated[DeliveriesQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        chosen = DeliveryFilter(
            webhook_id=params.webhook,
            state=params.state,
            site=params.site,
            session_id=params.session,
            sites=caller.sites,
        )
        found = await _available(delivery_log.page, engine, chosen, _parsed(params.cursor), params.limit)
        following = f"{found[-1].created_at}:{found[-1].id}" if len(found) == params.limit else ""
        return unkept(DeliveryList([delivery_view(each) for each in found], following))

    @router.get(
        "/webhook-deliveries/{delivery}",
        summary="One delivery, and what became of it",
        responses=answered(DeliveryView, "not_found", "unavailable"),
    )
    async def get_delivery(request: Request, delivery: Name, caller: Annotated[Caller, permitted]) -> Response:
        return unkept(delivery_view(await _delivery(request, engine, delivery, caller)))

    @router.post(
        "/webhook-deliveries/{delivery}/send",
        summary="Send a delivery again, under its own id",
        description="Of one that is due already, nothing changes. What an experiment holds back is never sent.",
        responses=answered(DeliveryView, "not_found", "conflict", "busy", "unavailable"),
    )
    async def resend_delivery(request: Request, delivery: Name, caller: Annotated[Caller, permitted]) -> Response:
        found = await _delivery(request, engine, delivery, caller)
        made_due = await _available(deliveries.again, engine, found.id, _now())
        found = await _delivery(request, engine, delivery, caller)
        if found.state == "held":
            raise ReadError("conflict", f"{delivery} is never sent ({found.detail})")
        if not made_due and found.state != "due":
            raise ReadError("busy", f"the webhook {found.webhook_id} of {delivery} is not in use: enable it first")
        return unkept(delivery_view(found))


def _add_webhooks(
    router: APIRouter,
    engine: Engine,
    known_sites: Callable[[], Collection[str]],
    resolve: Resolve,
    access: Access,
) -> None:
    permitted = Depends(access.of)

    @router.get(
        "/webhooks", summary="Every webhook, and whether it is in use", responses=answered(WebhookList, "unavailable")
    )
    async def list_webhooks(caller: Annotated[Caller, permitted]) -> Response:
        found = await _available(registry.every, engine)
        return unkept(WebhookList([view_of(each) for each in found if caller.sees(each.site)]))

    @router.post(
        "/webhooks",
        summary="Make a webhook; its secret is shown this once",
        responses=answered(NewWebhook, "too_large", "unavailable"),
        openapi_extra=takes(WebhookOrder),
    )
    async def add_webhook(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        order = await _order(request)
        record_of(request.scope).site = order.site
        caller.require_site(order.site)
        if order.site not in known_sites():
            raise ReadError("invalid", f"site: there is no site {order.site!r:.100}; `opecom sites add` makes one")
        if order.allow_private:
            caller.require_all_sites("a receiver in the network of this system")
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                notice = await require_reachable(order.url, order.allow_private, resolve)
        except ForbiddenError as error:
            raise ReadError("invalid", f"url: {str(error).replace('--allow-private', 'allow_private')}") from None
        except TimeoutError:
            notice = "its host did not resolve in time on this machine"
        made = await _available(
            registry.add, engine, order.site, order.url, tuple(dict.fromkeys(order.on)), order.allow_private, _now()
        )
        record_of(request.scope).subject = f"webhook {made.id}"
        return unkept(NewWebhook(view_of(made), made.secret, notice))

    @router.delete(
        "/webhooks/{webhook}",
        summary="Remove a webhook; what was due for it is given up, its log stays",
        responses=answered(WebhookView, "not_found", "unavailable"),
    )
    async def remove_webhook(request: Request, webhook: Name, caller: Annotated[Caller, permitted]) -> Response:
        found = await _webhook(request, engine, webhook, caller)
        await _known(registry.remove, engine, webhook)
        return unkept(view_of(found))

    @router.post(
        "/webhooks/{webhook}/pause",
        summary="Put a webhook out of use; what was due for it is given up, and can be sent again",
        responses=answered(WebhookView, "not_found", "unavailable"),
    )
    async def pause_webhook(request: Request, webhook: Name, caller: Annotated[Caller, permitted]) -> Response:
        found = await _webhook(request, engine, webhook, caller)
        if not found.disabled:
            await _available(registry.disable, engine, webhook, f"paused by {caller.name}")
        return unkept(view_of(await _webhook(request, engine, webhook, caller)))

    @router.post(
        "/webhooks/{webhook}/enable",
        summary="Put a webhook into use again, for what sessions do from now on",
        responses=answered(WebhookView, "not_found", "unavailable"),
    )
    async def enable_webhook(request: Request, webhook: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _webhook(request, engine, webhook, caller)
        await _known(registry.enable, engine, webhook, _now())
        return unkept(view_of(await _webhook(request, engine, webhook, caller)))

    @router.post(
        "/webhooks/{webhook}/rotate",
        summary="Give a webhook a new secret, shown this once; the old one signs too for some hours",
        responses=answered(NewWebhook, "not_found", "too_large", "unavailable"),
        openapi_extra=takes(RotationOrder),
    )
    async def rotate_webhook(request: Request, webhook: Name, caller: Annotated[Caller, permitted]) -> Response:
        order = await json_body(request, RotationOrder, "an order", MOST_BYTES)
        await _webhook(request, engine, webhook, caller)
        rotated = await _known(registry.rotate, engine, webhook, _now(), order.hours * HOUR_MS)
        return unkept(NewWebhook(view_of(rotated), rotated.secret, ""))

    @router.post(
        "/webhooks/{webhook}/test",
        summary="Send a test message; GET /webhook-deliveries/{delivery} tells what becomes of it",
        responses=answered(DeliveryView, "not_found", "busy", "unavailable"),
    )
    async def test_webhook(request: Request, webhook: Name, caller: Annotated[Caller, permitted]) -> Response:
        found = await _webhook(request, engine, webhook, caller)
        if found.disabled:
            raise ReadError("busy", f"webhook {webhook} is not in use ({found.disabled}): enable it first")
        sent = message.test(found.site, found.id, _now())
        await _available(deliveries.put_test, engine, found.id, found.site, sent, _now())
        return unkept(delivery_view(await _delivery(request, engine, sent.id, caller)))


async def _webhook(request: Request, engine: Engine, name: str, caller: Caller) -> Webhook:
    """The webhook; one of another site is answered like what does not exist."""
    found = await _known(registry.one, engine, name)
    if not caller.sees(found.site):
        raise _unknown(name)
    record_of(request.scope).site = found.site
    return found


async def _delivery(request: Request, engine: Engine, name: str, caller: Caller) -> Delivery:
    found = await _available(deliveries.one, engine, name)
    if found is None or not caller.sees(found.site):
        raise ReadError("not_found", f"there is no delivery {name!r:.60}: GET /webhook-deliveries lists them")
    record_of(request.scope).site = found.site
    return found


async def _order(request: Request) -> WebhookOrder:
    order = await json_body(request, WebhookOrder, "an order", MOST_BYTES)
    if len(order.url) > 2_000:
        raise ReadError("invalid", "url: at most 2,000 characters")
    return order


async def _known(function: Callable[..., Answer], engine: Engine, name: str, *given: Any) -> Answer:
    try:
        return await _available(function, engine, name, *given)
    except UnknownWebhookError:
        raise _unknown(name) from None


async def _available(function: Callable[..., Answer], *given: Any) -> Answer:
    try:
        return await in_thread(function, *given)
    except DatabaseUnavailableError as error:
        raise ReadError("unavailable", f"the database does not answer: {error}", RETRY_SECONDS) from error


def _unknown(name: str) -> ReadError:
    return ReadError("not_found", f"there is no webhook {name!r:.60}: GET /webhooks lists them")


def _parsed(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    at, _, name = cursor.partition(":")
    if not (at.isascii() and at.isdigit() and len(at) < 16 and name):
        raise ReadError("invalid", f"cursor: {cursor[:60]!r} is no cursor of a list")
    return int(at), name


def _now() -> int:
    return int(time.time() * 1000)
