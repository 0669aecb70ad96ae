"""Segment's HTTP API beneath /segment/v1: the write key by basic authentication, messages to events, one by one.

Limits, errors and durability are those of /v1/batch. What is accepted is answered 200, as Segment's libraries want.
"""

import base64
import binascii
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec
from starlette.types import Receive, Scope

from ingest import collect, enrich
from ingest.admission.guard import Admission
from ingest.collect import Collected, SenderContext
from ingest.endpoints import BodyHandler, EventEndpoint
from ingest.errors import RequestRefusedError
from ingest.events import Event
from ingest.openapi import RouteDoc
from ingest.parsing.agents import MAX_USER_AGENT, UNKNOWN_AGENT, agent
from ingest.schemas import BatchAnswer, Moment, RefusedEvent
from ingest.segment import mapping
from ingest.segment.messages import SegmentBatch, SegmentMessage, envelope_decoder, message_decoder

PREFIX = "/segment/v1"
_ANSWER = "Kafka has what is accepted; what is refused is named with the reason."


class SegmentEndpoint(EventEndpoint):
    """One path of Segment's API."""

    status = 200

    async def _accept(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        return await super()._accept(scope, with_basic_key(headers), receive)

    def _sender(self, admitted: Admission, headers: Mapping[bytes, bytes], body: bytes) -> SenderContext:
        """The user agent is the library's: a message may say the visitor's own."""
        sender = super()._sender(admitted, headers, body)
        return dataclasses.replace(sender, agent=UNKNOWN_AGENT)


def with_basic_key(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The headers with the user name of basic authentication as the key, where they name no key otherwise."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if b"x-opecom-key" in headers or scheme.lower() != b"basic":
        return headers
    try:
        user = base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
    except binascii.Error:
        # As it is it opens nothing, and the guard says so.
        user = credentials
    return {**headers, b"x-opecom-key": user}


def segment_routes(max_batch_events: int) -> list[tuple[RouteDoc, BodyHandler]]:
    """The routes, and what their bodies mean."""
    calls = (("page", "Log a page call"), ("track", "Log a track call"), ("identify", "Refuse an identify call"))
    return [
        *((_described(kind, summary, SegmentMessage), _single(kind)) for kind, summary in calls),
        (_described("batch", "Log many calls", SegmentBatch), _batched(max_batch_events)),
    ]


def _described(name: str, summary: str, body: type[SegmentMessage] | type[SegmentBatch]) -> RouteDoc:
    return RouteDoc(
        f"{PREFIX}/{name}",
        f"segment{name.capitalize()}",
        summary,
        (body,),
        BatchAnswer,
        status=200,
        tag="segment",
        answered=_ANSWER,
        has_basic=True,
    )


def _single(kind: str) -> BodyHandler:
    def handle_body(body: bytes, sender: SenderContext) -> tuple[Collected, None]:
        _check_scope(sender)
        message = collect.decoded(message_decoder, body)
        return _collected([lambda: _event(message, kind, sender, message.sent_at)]), None

    return handle_body


def _batched(max_events: int) -> BodyHandler:
    def handle_body(body: bytes, sender: SenderContext) -> tuple[Collected, None]:
        _check_scope(sender)
        whole = collect.decoded(envelope_decoder, body)
        collect.check_size(whole.batch, max_events)
        return _collected(partial(_of_batch, raw, whole.sent_at, sender) for raw in whole.batch), None

    return handle_body


def _check_scope(sender: SenderContext) -> None:
    if sender.grant.scope == "import":
        raise RequestRefusedError("wrong_scope", "an import key sends to /v1/batch, where received_at can be given")


def _collected(makers: Iterable[Callable[[], Event]]) -> Collected:
    """What the makers of events give: each refuses itself only."""
    collected, bots = Collected(), 0
    for index, make in enumerate(makers):
        try:
            event = make()
        except RequestRefusedError as refusal:
            collected.refused.append(RefusedEvent(index, refusal.code, refusal.reason))
        else:
            collected.add(event)
            bots += "bot" in event.flags
    return dataclasses.replace(collected, bots=bots)


def _of_batch(raw: msgspec.Raw, sent_at: Moment | None, sender: SenderContext) -> Event:
    message = collect.decoded(message_decoder, raw)
    if message.type is None:
        raise RequestRefusedError("invalid", "a message of a batch needs `type`: page, track, ...")
    return _event(message, message.type, sender, message.sent_at if sent_at is None else sent_at)


def _event(message: SegmentMessage, kind: str, sender: SenderContext, sent_at: Moment | None) -> Event:
    site = sender.grant.site.name
    sent = mapping.sent_event(message, kind, site, sender.new_id())
    at = None if sent_at is None else collect.millis(sent_at, "sentAt")
    return collect.event_of(sent, site, at, _visitor(message, sender))


def _visitor(message: SegmentMessage, sender: SenderContext) -> SenderContext:
    """What the message says of the visitor's browser and language. The address stays the request's: whoever could
    name another would be a network of its own to the page statistics.
    """
    context = message.context
    if context is None:
        return sender
    found = agent(context.user_agent[:MAX_USER_AGENT]) if context.user_agent else UNKNOWN_AGENT
    region = enrich.region("", context.locale) if context.locale else sender.region
    return dataclasses.replace(sender, agent=found, region=region)
