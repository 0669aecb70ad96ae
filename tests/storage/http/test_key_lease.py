"""An answer under way ends with the key that opened it, and with nothing else."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from starlette.responses import StreamingResponse

from deploy.settings import access_file
from storage.http import key_lease
from storage.http.access import Access, Caller
from storage.http.key_lease import EndWithKey
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of
from storage.http.sign_ins import SignIns

OWN = SecretKey("own", digest_of("key-of-mine"), frozenset({"read"}), frozenset({"shop"}), expires_at=2_000.0)
OTHER = SecretKey("other", digest_of("key-of-others"), frozenset({"read"}))
#: Pieces that are sent before and, where nothing ends the answer, after something changed.
BEFORE, AFTER = 3, 40
#: Seconds after which an answer counts as one that goes on for ever.
PATIENCE = 30.0

Change = Callable[["OpenAnswer"], None]


class OpenAnswer:
    """An answer without an end, to a request by `given`; `change` comes after some pieces, and the client leaves after
    many more."""

    def __init__(self, given: str, change: Change, is_stuck: bool = False) -> None:
        self.keys, self.now = [OWN, OTHER], 1_000.0
        clock = lambda: self.now  # noqa: E731
        self.sign_ins = SignIns(b"secret", clock)
        self.given = self.sign_ins.issue(OWN) if given == "sign-in" else given
        self.pieces, self.is_closed, self.is_whole = 0, False, False
        self._change, self._is_stuck, self._left = change, is_stuck, asyncio.Event()
        access = Access(lambda: self.keys, False, sign_ins=self.sign_ins, clock=clock)
        self.app = FastAPI()
        add_refusals(self.app)
        self.app.add_middleware(EndWithKey, look_seconds=0.001)

        @self.app.get("/endless")
        async def stream(caller: Caller = Depends(access.of)) -> StreamingResponse:  # noqa: B008
            return StreamingResponse(self._piece_by_piece(), media_type="text/csv")

    async def _piece_by_piece(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"piece"
                await asyncio.sleep(0.005)
        finally:
            self.is_closed = True

    async def closed(self) -> bool:
        """Whether what gives the pieces is closed; one that waited to be sent is as soon as nobody holds it."""
        for _ in range(1_000):
            if self.is_closed:
                return True
            gc.collect()
            await asyncio.sleep(0.01)
        return False

    async def run(self) -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await self._left.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                return
            self.is_whole = not message.get("more_body", False)
            self.pieces += 1
            if self.pieces == BEFORE:
                self._change(self)
                if self._is_stuck:
                    await asyncio.Event().wait()
            elif self.pieces == BEFORE + AFTER:
                self._left.set()

        headers = [(b"x-opecom-key", self.given.encode())]
        scope = {"type": "http", "method": "GET", "path": "/endless", "query_string": b"", "headers": headers}
        await asyncio.wait_for(self.app(scope, receive, send), PATIENCE)


def _replaced(**fields: Any) -> Change:
    def change(answer: OpenAnswer) -> None:
        answer.keys[0] = replace(OWN, **fields)

    return change


def _revoked(answer: OpenAnswer) -> None:
    del answer.keys[0]


def _later(seconds: float) -> Change:
    def change(answer: OpenAnswer) -> None:
        answer.now += seconds

    return change


def _nothing(_: OpenAnswer) -> None:
    pass


ENDS: dict[str, tuple[str, Change]] = {
    "revoked": ("key-of-mine", _revoked),
    "expired": ("key-of-mine", _later(1_000)),
    "another secret under its name": ("key-of-mine", _replaced(digest=digest_of("another"))),
    "not its scope any more": ("key-of-mine", _replaced(scopes=frozenset({"export"}))),
    "not its site any more": ("key-of-mine", _replaced(sites=frozenset({"shop-2"}))),
    "the key of a sign-in revoked": ("sign-in", _revoked),
    "the key of a sign-in expired": ("sign-in", _later(1_000)),
}


@pytest.mark.parametrize("is_stuck", [False, True], ids=["client that takes", "client that takes nothing"])
@pytest.mark.parametrize("what", ENDS)
async def test_an_answer_under_way_ends_with_its_key(what: str, is_stuck: bool) -> None:
    answer = OpenAnswer(*ENDS[what], is_stuck)
    await answer.run()
    assert answer.pieces < BEFORE + AFTER, "the client had to leave"
    assert await answer.closed()
    assert not answer.is_whole, "nobody may take it for a whole one"


async def test_a_sign_in_that_ends_ends_what_it_opened() -> None:
    answer = OpenAnswer("sign-in", lambda opened: setattr(opened, "now", 1_000.0 + 8 * 3_600))
    answer.keys[0] = replace(OWN, expires_at=None)
    await answer.run()
    assert answer.pieces < BEFORE + AFTER


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_nothing, id="nothing changed"),
        pytest.param(_later(999), id="a moment before it expires"),
        pytest.param(lambda opened: opened.keys.pop(), id="another key revoked"),
        pytest.param(_replaced(sites=None), id="more sites"),
        pytest.param(_replaced(scopes=frozenset({"admin"})), id="more scopes"),
    ],
)
async def test_an_answer_goes_on_until_its_client_leaves(change: Change) -> None:
    answer = OpenAnswer("key-of-mine", change)
    await answer.run()
    assert answer.pieces >= BEFORE + AFTER
    assert answer.is_closed


async def test_what_takes_too_long_by_itself_is_no_key_that_ended() -> None:
    async def late(*_: Any) -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await EndWithKey(late)({"type": "http"}, late, late)


def test_the_looks_at_file_and_answer_come_to_less_than_a_second() -> None:
    assert access_file.LOOK + key_lease.LOOK < 1.0
