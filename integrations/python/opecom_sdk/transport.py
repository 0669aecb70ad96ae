"""One POST, and what its answer asks for. Knows no queue."""

import http.client
import json
import random
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opecom_sdk.errors import RefusedError

#: No word in it is one by which OP-ECOM knows programs: sessions of programs are left out of statistics.
USER_AGENT = "OP-ECOM-SDK/0.1 (py)"
#: 0: no answer. After these the same is sent again.
RETRIED = frozenset({0, 408, 429, 500, 502, 503, 504})
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: none came, and `problem` says why. `retry_after` in seconds, 0 where the server names none."""

    status: int
    content: Mapping[str, Any]
    retry_after: float = 0.0
    problem: str = ""

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300 and bool(self.content)

    def error(self) -> RefusedError:
        reason = str(
            self.content.get("reason") or self.problem or f"HTTP {self.status}, not of OP-ECOM: is `url` right?"
        )
        return RefusedError(self.status, str(self.content.get("error", "no_answer")), reason)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its events."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Answer:
    """The answer, whatever it is; never raises for what the network or the server does."""
    whole = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
    request = urllib.request.Request(url, body, whole, method="POST")  # noqa: S310 - Client looked at the scheme
    try:
        with _opener.open(request, timeout=timeout_seconds) as response:
            return Answer(response.status, _content(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            try:
                content = _content(error.read())
            except (OSError, http.client.HTTPException):
                content = {}
            return Answer(error.code, content, _seconds(error.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return Answer(0, {}, problem=f"{url} cannot be reached: {reason or type(error).__name__}")


def wait_seconds(attempt: int, retry_after: float) -> float:
    """The wait after attempt 0, 1, 2, ...: twice as long each time, up to half of it by chance, never shorter than
    the server's Retry-After.
    """
    backoff = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt, 16))
    return max(retry_after, backoff * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


def _content(raw: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(raw)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _seconds(given: str | None) -> float:
    """Retry-After as OP-ECOM sends it; a date, as a proxy may send, counts as none."""
    return float(given) if given is not None and given.isascii() and given.isdigit() else 0.0
