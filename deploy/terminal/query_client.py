"""Asks the query API from the command line: the answer's bytes, or one line that says what is wrong.

Beside an embedded system an API that is gone is one that starts again, as when the broker is replaced: asked again.
"""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from deploy.errors import AwayError, SetupError
from deploy.processes.data_folder import running
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings
from deploy.terminal.plain import print_line
from ingest.outage import reason_of

#: A timeline of two thousand updates comes in well under this, in seconds.
PATIENCE = 30
#: Seconds in which the API of an embedded system that runs must be there again, and between two attempts.
RESTART_SECONDS, LOOK = 180.0, 0.25
#: Seconds after which a wait is announced.
SILENT_SECONDS = 2.0
#: Methods of which a request may be sent again, whatever became of it.
REPEATABLE = ("GET", "DELETE")

T = TypeVar("T")


class RefusedReadError(SetupError):
    """The API answered, with a refusal of this status; its reason is the line."""

    exit_code = 1

    def __init__(self, line: str, status: int = 0) -> None:
        super().__init__(line)
        self.status = status


class ApiGoneError(AwayError):
    """Nobody answers there now; `was_sent` says whether the request may have been taken all the same."""

    def __init__(self, line: str, was_sent: bool) -> None:
        super().__init__(line)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class QueryApi:
    """Where the query API is; `data_dir` is the data folder of the embedded system to which it belongs, or None."""

    address: ProbeAddress
    data_dir: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "QueryApi":
        """The one of these settings."""
        address = ProbeAddress.reached(settings.api.host, settings.api.port)
        return cls(address, settings.data_dir if settings.profile == "embedded" else None)

    @property
    def url(self) -> str:
        return self.address.url

    def starts_again(self) -> bool:
        """Whether somebody is there who starts it."""
        return self.data_dir is not None and running(self.data_dir) is not None


def read(
    api: QueryApi,
    path: str,
    params: dict[str, str | int | float | None],
    key: str = "",
    patience: float = PATIENCE,
) -> bytes:
    """The body of `GET path` with the parameters that are not None; raises as `call_api` does."""
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return call_api(api, "GET", f"{path}?{query}" if query else path, None, key, patience)


def call_api(
    api: QueryApi, method: str, path: str, body: bytes | None = None, key: str = "", patience: float = PATIENCE
) -> bytes:
    """The body of the answer to a request, whose own body is JSON, in so many seconds.

    Raises AwayError where no API answers, RefusedReadError for a refusal.
    """
    return through_restarts(api, lambda: _call(api, method, path, body, key, patience), method in REPEATABLE)


def through_restarts(api: QueryApi, request: Callable[[], T], repeatable: bool = True) -> T:
    """What `request` gives, sent again while the API of a system that runs starts again; raises what it raises.

    What is not repeatable is sent again only where nobody can have taken it.
    """
    began, is_announced = time.monotonic(), False
    while True:
        try:
            return request()
        except ApiGoneError as error:
            waited = time.monotonic() - began
            if waited > RESTART_SECONDS or (error.was_sent and not repeatable) or not api.starts_again():
                raise
            if waited > SILENT_SECONDS and not is_announced:
                is_announced = True
                print_line(f"the API at {api.url} starts again: asked for {RESTART_SECONDS:g} s at most", error=True)
        time.sleep(LOOK)


def _call(api: QueryApi, method: str, path: str, body: bytes | None, key: str, patience: float) -> bytes:
    headers = ({"X-OPECOM-Key": key} if key else {}) | ({"Content-Type": "application/json"} if body else {})
    connection = http.client.HTTPConnection(api.address.host, api.address.port, timeout=patience)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        body_text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise away(
            f"no query API answers at {api.url} ({reason_of(error)}): start it with `opecom up`, or "
            "set api.host and api.port to where it is",
            error,
        ) from error
    finally:
        connection.close()
    if answer.status not in (200, 201, 202):
        raise RefusedReadError(refusal_of(api, answer.status, body_text), answer.status)
    return body_text


def away(line: str, error: Exception) -> AwayError:
    """What a failed request to the API comes to, where `line` says so: one that takes too long is not gone."""
    if isinstance(error, TimeoutError):
        return AwayError(line)
    return ApiGoneError(line, not isinstance(error, ConnectionRefusedError))


def refusal_of(api: QueryApi, status: int, body: bytes) -> str:
    """The line of a refusal."""
    try:
        body_text = json.loads(body)
        return f"{body_text['reason']} ({status} {body_text['error']})"
    except (ValueError, KeyError, TypeError):
        return f"{api.url} answers {status}, and not as our query API would: who listens there? (api.port)"
