"""Asks the query API from the command line: the answer's bytes, or one line that says what is wrong."""

import http.client
import json
from urllib.parse import urlencode

from deploy.errors import AwayError, SetupError
from deploy.probes import Address

#: A timeline of two thousand updates comes in well under this, in seconds.
PATIENCE = 30


class RefusedReadError(SetupError):
    """The API answered, with a refusal; its reason is the line."""

    exit_code = 1


def read(api: Address, path: str, asked: dict[str, str | int | float | None], key: str = "") -> bytes:
    """The body of `GET path` with the parameters that are not None.

    Raises AwayError where no API answers, RefusedReadError for a refusal.
    """
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    connection = http.client.HTTPConnection(api.host, api.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"{path}?{query}" if query else path, headers={"X-OPECOM-Key": key} if key else {})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise AwayError(
            f"no query API answers at {api.url} ({error or type(error).__name__}): start it with `opecom up`, or set "
            "api.host and api.port to where it is"
        ) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise RefusedReadError(_reason(api, answer.status, body))
    return body


def _reason(api: Address, status: int, body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"{said['reason']} ({status} {said['error']})"
    except (ValueError, KeyError, TypeError):
        return f"{api.url} answers {status}, and not as our query API would: who listens there? (api.port)"
