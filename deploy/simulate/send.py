"""Sends events through the ingest API as one ordered stream per partition, and sends again what was not accepted.

The events of a partition share a clock that only runs forward, so they are sent one request after another; the
partitions are sent side by side.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Protocol

import aiohttp
import msgspec
from msgspec import Struct

from deploy.errors import DeployError, SetupError
from ingest.events import Event
from ingest.outage import reason_of

#: What the pieces of a request body add to the events in it.
ROOM = 512
#: After how long without an accepted event the sender gives up, in seconds: where nobody answers, and where the API
#: says that it takes none now, as it does while another broker takes over.
PATIENCE, BUSY_PATIENCE = 60.0, 300.0
FIRST_PAUSE, LAST_PAUSE = 0.2, 5.0


class SendError(SetupError):
    """The ingest API does not take the events."""


class TryAgainError(DeployError):
    """Nobody knows whether the events were accepted: send the same ones again after `pause` s (None: choose).

    It makes no sense any more when so many seconds have passed without an accepted event.
    """

    def __init__(self, reason: str, pause: float | None = None, patience: float = PATIENCE) -> None:
        super().__init__(reason)
        self.pause = pause
        self.patience = patience


class EventSender(Protocol):
    async def post(self, body: bytes) -> None:
        """Returns when every event of the batch is accepted; raises TryAgainError or SendError."""
        ...


class RequestBody(Struct, frozen=True):
    """Some events in order: how many, and the body of the request that sends them."""

    events: int
    body: bytes


def pieces(site: str, events: Iterable[Event], most_events: int, most_bytes: int) -> Iterator[RequestBody]:
    """The events as bodies of `POST /v1/batch`, in order, each within both limits."""
    encoder = msgspec.json.Encoder()
    head = f'{{"site":"{site}","sent_at":{int(time.time() * 1000)},"events":['.encode()
    gathered: list[bytes] = []
    size = ROOM
    for event in events:
        encoded = encoder.encode(sent(event))
        if gathered and (len(gathered) >= most_events or size + len(encoded) + 1 > most_bytes):
            yield RequestBody(len(gathered), head + b",".join(gathered) + b"]}")
            gathered, size = [], ROOM
        gathered.append(encoded)
        size += len(encoded) + 1
    if gathered:
        yield RequestBody(len(gathered), head + b",".join(gathered) + b"]}")


def sent(event: Event) -> dict[str, Any]:
    """The event as a batch with an import key says it; whose site it is and that it is imported, the API knows."""
    event_body: dict[str, Any] = {
        "type": event.type,
        "event_id": event.event_id,
        "session_id": event.session_id,
        "visitor_id": event.visitor_id,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "context": event.context,
    }
    if event.page is not None:
        event_body["page"] = {"url": event.page.path, "type": event.page.type, "referrer": event.page.referrer}
    if event.ping is not None:
        event_body["ping"] = event.ping
    if event.custom is not None:
        event_body["custom"] = event.custom
    if event.commerce is not None:
        event_body["commerce"] = event.commerce
    if event.history is not None:
        event_body["history"] = event.history
    if event.purchase is not None:
        purchase = event.purchase
        event_body["purchase"] = {
            "amount": purchase.amount,
            "order_id": purchase.order_id,
            "currency": purchase.currency,
        }
    return event_body


class SendPace:
    """Spreads events over time: at most `rate` a second over all streams; 0: as fast as they are accepted."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._free_at = now()

    def take(self, events: int) -> float:
        """How long to wait, in seconds, before these events may be sent."""
        if not self._rate:
            return 0.0
        now = self._now()
        begin = max(now, self._free_at)
        self._free_at = begin + events / self._rate
        return begin - now


def events_of_one_request(rate: float, streams: int, most: int) -> int:
    """How many events a request carries: all it may, or so many that each stream sends about five times a second."""
    return min(most, max(1, round(rate / streams / 5))) if rate else most


async def send(
    streams: Iterable[Iterator[RequestBody]],
    sender: EventSender,
    pace: SendPace,
    accepted: Callable[[int], None],
    sleep: Callable[[float], Any] = asyncio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Send all streams side by side, each in order; `accepted` is called with the number of events of each request.

    Raises SendError, when the API refuses events or has accepted none of a request for as long as PATIENCE says.
    """

    async def one(stream: Iterator[RequestBody]) -> None:
        for piece in stream:
            await sleep(pace.take(piece.events))
            await _deliver(piece, sender, sleep, now)
            accepted(piece.events)

    try:
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(one(stream))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _deliver(
    piece: RequestBody, sender: EventSender, sleep: Callable[[float], Any], now: Callable[[], float]
) -> None:
    begun, pause = now(), FIRST_PAUSE
    while True:
        try:
            await sender.post(piece.body)
        except TryAgainError as error:
            if now() - begun > error.patience:
                raise SendError(f"{error}; gave up after {error.patience:.0f} s") from error
            await sleep(pause if error.pause is None else error.pause)
            pause = min(pause * 2, LAST_PAUSE)
        else:
            return


class HttpEventSender:
    """The ingest API at `url`, entered with the import key of `site`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, site: str, key: str) -> None:
        self._session = session
        self._url = url
        self._site = site
        self._headers = {"X-OPECOM-Key": key, "Content-Type": "application/json"}

    async def post(self, body: bytes) -> None:
        try:
            async with self._session.post(f"{self._url}/v1/batch", data=body, headers=self._headers) as answer:
                status, text = answer.status, await answer.read()
                retry_after = answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TryAgainError(
                f"the ingest API at {self._url} does not answer ({reason_of(error)}): start it with "
                "`opecom up`, or see ingest.port"
            ) from error
        judge(status, text, retry_after, self._site)


def judge(status: int, text: bytes, retry_after: str, site: str) -> None:
    """Whether an answer means accepted (returns), send again (TryAgainError) or never (SendError)."""
    event_body = text.decode(errors="replace")[:300]
    if status == 429 or status >= 500:
        raise TryAgainError(
            f"the ingest API answers {status}: {event_body}",
            float(retry_after) if retry_after.isdigit() else None,
            BUSY_PATIENCE,
        )
    if status in (401, 403):
        raise SendError(
            f"the ingest API does not know the import key ({status}: {event_body}): see sites.{site}.import_keys"
        )
    if status != 202:
        raise SendError(f"the ingest API answers {status}: {event_body}")
    refused = msgspec.json.decode(text).get("refused")
    if refused:
        raise SendError(f"the ingest API refused {len(refused)} events, the first because: {refused[0].get('reason')}")


@contextlib.asynccontextmanager
async def http_sender(url: str, site: str, key: str, streams: int) -> AsyncIterator[HttpEventSender]:
    """The ingest API with a connection for each stream."""
    connector = aiohttp.TCPConnector(limit=streams)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield HttpEventSender(session, url, site, key)
