"""Asks the query API from the command line: the answer's bytes, or one line that says what is wrong."""

import http.client
import json
from urllib.parse import urlencode

from deploy.errors import AwayError, SetupError
from deploy.processes.probes import ProbeAddress
from ingest.outage import reason_of

#: A timeline of two thousand updates comes in well under this, in seconds.
PATIENCE = 30


class RefusedReadError(SetupError):
    """The API answered, with a refusal; its reason is the line."""

    exit_code = 1


def read(
    api: ProbeAddress,
    path: str,
    params: dict[str, str | int | float | None],
    key: str = "",
    patience: float = PATIENCE,
) -> bytes:
    """The body of `GET path` with the parameters that are not None; raises as `call_api` does."""
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return call_api(api, "GET", f"{path}?{query}" if query else path, None, key, patience)


def call_api(
    api: ProbeAddress, method: str, path: str, body: bytes | None = None, key: str = "", patience: float = PATIENCE
) -> bytes:
    """The body of the answer to a request, whose own body is JSON, in so many seconds.

    Raises AwayError where no API answers, RefusedReadError for a refusal.
    """
    headers = ({"X-OPECOM-Key": key} if key else {}) | ({"Content-Type": "application/json"} if body else {})
    connection = http.client.HTTPConnection(api.host, api.port, timeout=patience)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        body_text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise AwayError(
            f"no query API answers at {api.url} ({reason_of(error)}): start it with `opecom up`, or "
            "set api.host and api.port to where it is"
        ) from error
    finally:
        connection.close()
    if answer.status not in (200, 201, 202):
        raise RefusedReadError(refusal_of(api, answer.status, body_text))
    return body_text


def refusal_of(api: ProbeAddress, status: int, body: bytes) -> str:
    """The line of a refusal."""
    try:
        body_text = json.loads(body)
        return f"{body_text['reason']} ({status} {body_text['error']})"
    except (ValueError, KeyError, TypeError):
        return f"{api.url} answers {status}, and not as our query API would: who listens there? (api.port)"
