"""Every refusal of the ingest API, with the one table that maps it to an HTTP status."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

RefusalCode = Literal[
    "malformed",
    "encoding",
    "no_key",
    "wrong_key",
    "wrong_token",
    "wrong_signature",
    "wrong_scope",
    "wrong_site",
    "wrong_origin",
    "intent_off",
    "not_found",
    "wrong_method",
    "slow_body",
    "too_large",
    "too_many",
    "media_type",
    "invalid",
    "no_equivalent",
    "rate",
    "internal",
    "unavailable",
    "api_away",
    "busy",
]
REFUSAL_CODES: tuple[RefusalCode, ...] = get_args(RefusalCode)

#: 400 and 422: fix the body. 401 and 403: fix the key, the signature, the site or the origin.
#: 413 and 415: send it otherwise.
#: 408, 429, 500 and 503: send the same again, the last two after `Retry-After` and with the same event_id.
STATUS: dict[RefusalCode, int] = {
    "malformed": 400,
    "encoding": 400,
    "no_key": 401,
    "wrong_key": 401,
    "wrong_token": 401,
    "wrong_signature": 401,
    "wrong_scope": 403,
    "wrong_site": 403,
    "wrong_origin": 403,
    "intent_off": 403,
    "not_found": 404,
    "wrong_method": 405,
    "slow_body": 408,
    "too_large": 413,
    "too_many": 413,
    "media_type": 415,
    "invalid": 422,
    # Of a message of another tracker, in the answer to its batch.
    "no_equivalent": 422,
    "rate": 429,
    "internal": 500,
    "unavailable": 503,
    # Of what the query API answers: no event is refused by these two.
    "api_away": 503,
    "busy": 503,
}

#: The reason of what is `internal`.
FAULT = "an internal error; the service's own log has the details"


class IngestError(Exception):
    """Any failure of ingest; deploy/errors.py draws the whole tree."""


class RequestRefusedError(IngestError):
    """A request, or one event of a batch, that is not accepted; `retry_after` in seconds where waiting helps.

    `ids`: of events that may be in the log although they are not known to be: to send again with them counts once.
    """

    def __init__(
        self, code: RefusalCode, reason: str, retry_after: int | None = None, ids: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after
        self.ids = ids or {}

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def body(self) -> bytes:
        """One line: {"error": code, "reason": "..."}, and the ids where there are any."""
        return msgspec.json.encode({"error": self.code, "reason": self.reason, **self.ids})
