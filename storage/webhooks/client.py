"""One attempt to deliver: a signed POST to an address that was looked at. Knows no database."""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator

import httpx
from msgspec import Struct

from storage.webhooks.addresses import ForbiddenError, Resolve, check_url, permitted
from storage.webhooks.crossings import Webhook
from storage.webhooks.message import headers
from storage.webhooks.schedule import requested_wait

log = logging.getLogger(__name__)

#: Bytes of an answer that are read, and characters of it that the log keeps.
MOST_BYTES, MOST_ANSWER = 4_096, 200
USER_AGENT = "op-ecom-webhooks"


class WebhookResponse(Struct, frozen=True):
    """What came of an attempt: the HTTP status (0: none), a line for the log, and the pause that was asked for."""

    status: int
    detail: str
    wait: float | None = None

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more, ever."""
        return self.status == 410


class WebhookClient:
    """Sends; `seconds` is how long a whole attempt may take, whatever the receiver does meanwhile."""

    def __init__(self, resolve: Resolve, seconds: float) -> None:
        self._resolve = resolve
        self._seconds = seconds
        self._tls = ssl.create_default_context()

    async def __call__(self, webhook: Webhook, message_id: str, body: str) -> WebhookResponse:
        """Sends once; whatever goes wrong is an answer of status 0."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(webhook, message_id, body)
        except TimeoutError:
            return WebhookResponse(0, f"no answer within {self._seconds:g} s (webhooks.timeout_seconds)")
        except ForbiddenError as error:
            return WebhookResponse(0, str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return WebhookResponse(0, f"no answer ({type(error).__name__}: {error})".replace(": )", ")"))
        except OSError as error:
            return WebhookResponse(0, f"the host does not resolve ({error.strerror or error})")
        except Exception as error:
            # Else it would be tried for ever: only what is settled counts as an attempt that failed.
            log.exception("an attempt failed by a defect of ours")
            return WebhookResponse(0, f"a defect of ours ({type(error).__name__}); the log of the part has it")

    async def _send(self, webhook: Webhook, message_id: str, body: str) -> WebhookResponse:
        host, port = check_url(webhook.url, webhook.allow_private)
        addresses = permitted(await self._resolve(host, port), webhook.allow_private)
        now = int(time.time() * 1000)
        signed = headers(webhook.secrets_at(now), message_id, body, now)
        async with self._client() as client:
            for last, address in ((address == addresses[-1], address) for address in addresses):
                request = _request(client, webhook.url, host, address, signed, body)
                try:
                    answer = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if last:
                        raise
                    continue
                try:
                    return _meaning(answer, await _beginning(answer), now)
                finally:
                    await answer.aclose()
        raise ForbiddenError("the host has no address")

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        # A client of its own for each attempt: connections are shared by address, and one address may serve many
        # hosts. No proxy of the environment: it would resolve the name again.
        patience = httpx.Timeout(self._seconds, connect=self._seconds / 2)
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=patience
        ) as client:
            yield client


def _request(
    client: httpx.AsyncClient, url: str, host: str, address: str, signed: dict[str, str], body: str
) -> httpx.Request:
    whole = httpx.URL(url)
    return client.build_request(
        "POST",
        whole.copy_with(host=address),
        headers={
            "Host": whole.netloc.decode(),
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **signed,
        },
        content=body.encode(),
        extensions={"sni_hostname": host},
    )


async def _beginning(answer: httpx.Response) -> bytes:
    received = b""
    async for part in answer.aiter_raw():
        received += part
        if len(received) >= MOST_BYTES:
            break
    return received[:MOST_BYTES]


def _meaning(answer: httpx.Response, received: bytes, now: int) -> WebhookResponse:
    status = answer.status_code
    if 200 <= status < 300:
        return WebhookResponse(status, "")
    if 300 <= status < 400:
        return WebhookResponse(status, f"{status}: redirects are not followed; give the webhook its last URL")
    words = "".join(each if each.isprintable() else " " for each in received.decode(errors="replace")).strip()
    return WebhookResponse(
        status, f"{status} {words[:MOST_ANSWER]}".strip(), requested_wait(answer.headers.get("Retry-After"), now)
    )
