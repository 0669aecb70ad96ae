"""One attempt against receivers that answer, and against those that do anything else."""

import time
from collections.abc import AsyncIterator

import pytest

from storage.webhooks.addresses import Resolver
from storage.webhooks.client import WebhookClient, WebhookResponse
from tests.support.receiver import Behaviour, receiver
from tests.support.webhooks import SECRET, webhook

BODY = '{"id":"msg_1","type":"session.band","data":{"to":"high"}}'
SECONDS = 1.0


@pytest.fixture
async def post() -> AsyncIterator[WebhookClient]:
    resolve = Resolver(2)
    yield WebhookClient(resolve, SECONDS)
    resolve.close()


def to(*addresses: str) -> WebhookClient:
    """A post for which every name has these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return WebhookClient(resolve, SECONDS)


async def test_a_receiver_gets_the_body_signed(post: WebhookClient) -> None:
    with receiver() as there:
        answer = await post(webhook(url=there.url + "?a=1", allow_private=True), "msg_1", BODY)
    assert answer == WebhookResponse(200, "")
    (got,) = there.got
    assert got.verified(SECRET)["data"] == {"to": "high"}
    assert (got.id, got.path, got.headers["host"]) == ("msg_1", "/hook?a=1", f"127.0.0.1:{there.port}")
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("behaviour", "status", "detail", "wait"),
    [
        ("fail", 500, "500 out of order", None),
        ("busy", 503, "503 later", 7.0),
        ("gone", 410, "410 never again", None),
        ("redirect", 302, "302: redirects are not followed; give the webhook its last URL", None),
        ("hang", 0, "no answer within 1 s (webhooks.timeout_seconds)", None),
        ("drip", 0, "no answer within 1 s (webhooks.timeout_seconds)", None),
        ("close", 0, "no answer (RemoteProtocolError: Server disconnected without sending a response.)", None),
    ],
)
async def test_what_comes_of_it(
    post: WebhookClient, behaviour: Behaviour, status: int, detail: str, wait: float | None
) -> None:
    with receiver(behaviour) as there:
        began = time.monotonic()
        answer = await post(webhook(url=there.url, allow_private=True), "msg_1", BODY)
        assert time.monotonic() - began < SECONDS + 1
    assert answer == WebhookResponse(status, detail, wait)
    assert not answer.taken
    assert len(there.got) == 1


async def test_of_an_endless_answer_only_the_beginning_is_read(post: WebhookClient) -> None:
    with receiver("flood") as there:
        answer = await post(webhook(url=there.url, allow_private=True), "msg_1", BODY)
    assert answer == WebhookResponse(500, "500 " + "x" * 200)


@pytest.mark.parametrize("allow_private", [False, True], ids=["public only", "private too"])
async def test_a_private_receiver_is_reached_only_where_that_is_meant(post: WebhookClient, allow_private: bool) -> None:
    with receiver() as there:
        url = there.url if allow_private else there.url.replace("http:", "https:")
        answer = await post(webhook(url=url, allow_private=allow_private), "msg_1", BODY)
    assert len(there.got) == allow_private
    assert answer.detail == (
        ""
        if allow_private
        else "127.0.0.1 is not a public address (--allow-private, for receivers of your own network)"
    )


async def test_a_name_is_resolved_once_and_the_request_goes_where_was_looked() -> None:
    """Rebinding: the name would lead elsewhere a moment later; nobody asks it again."""
    asked: list[str] = []
    with receiver() as there:

        async def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        url = f"http://receiver.invalid:{there.port}/hook"
        answer = await WebhookClient(resolve, SECONDS)(webhook(url=url, allow_private=True), "msg_1", BODY)
    assert (answer.status, asked) == (200, ["receiver.invalid"])
    assert there.got[0].headers["host"] == f"receiver.invalid:{there.port}"


async def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    with receiver() as there:
        url = f"https://receiver.invalid:{there.port}/hook"
        for addresses in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
            answer = await to(*addresses)(webhook(url=url), "msg_1", BODY)
            assert "is not a public address" in answer.detail
    assert there.got == []


async def test_an_address_that_does_not_answer_is_passed_over() -> None:
    with receiver() as there:
        url = f"http://receiver.invalid:{there.port}/hook"
        answer = await to("127.0.0.9", "127.0.0.1")(webhook(url=url, allow_private=True), "msg_1", BODY)
        assert answer.status == 200
    answer = await to("127.0.0.9")(webhook(url=url, allow_private=True), "msg_1", BODY)
    assert answer.detail.startswith("no answer (ConnectError")


async def test_a_proxy_of_the_environment_is_not_requested(
    post: WebhookClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as proxy, receiver() as there:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(webhook(url=there.url, allow_private=True), "msg_1", BODY)).taken
    assert (len(proxy.got), len(there.got)) == (0, 1)


async def test_a_name_without_an_address_is_a_failed_attempt(post: WebhookClient) -> None:
    answer = await WebhookClient(Resolver(1), 20)(webhook(url="https://nobody.invalid/hook"), "msg_1", BODY)
    assert answer.detail.startswith("the host does not resolve (")


async def test_a_defect_of_ours_is_a_failed_attempt_too(caplog: pytest.LogCaptureFixture) -> None:
    """Else the delivery would be claimed again for ever, and never be dead."""

    async def resolve(host: str, port: int) -> list[str]:
        raise LookupError("nobody thought of this")

    answer = await WebhookClient(resolve, SECONDS)(webhook(), "msg_1", BODY)
    assert answer == WebhookResponse(0, "a defect of ours (LookupError); the log of the part has it")
    assert "nobody thought of this" in caplog.text
