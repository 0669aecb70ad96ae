"""Every refusal of the reads, with the one table that maps it to an HTTP status."""

from typing import Literal

from msgspec import Struct

from storage.errors import StorageError

ReadCode = Literal[
    "no_key",
    "wrong_key",
    "wrong_scope",
    "wrong_token",
    "not_found",
    "wrong_method",
    "ambiguous",
    "conflict",
    "invalid",
    "too_large",
    "internal",
    "busy",
    "rate",
    "too_many_streams",
    "unavailable",
]

#: 401: fix the key, or fetch a new token. 403: use a key that may. 404, 409 and 422: fix the request.
#: 429 and 503: the same again after `Retry-After`.
STATUS: dict[ReadCode, int] = {
    "no_key": 401,
    "wrong_key": 401,
    "wrong_scope": 403,
    "wrong_token": 401,
    "not_found": 404,
    "wrong_method": 405,
    "ambiguous": 409,
    "conflict": 409,
    "busy": 409,
    "rate": 429,
    "invalid": 422,
    "too_large": 413,
    "internal": 500,
    "too_many_streams": 503,
    "unavailable": 503,
}


class ErrorAnswer(Struct, frozen=True):
    """The body of every refusal; `reason` is one line for a person."""

    error: ReadCode
    reason: str


class ReadError(StorageError):
    """A read that gets no answer; `retry_after` in seconds where waiting helps."""

    def __init__(self, code: ReadCode, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = " ".join(reason.split())
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def answer(self) -> ErrorAnswer:
        return ErrorAnswer(self.code, self.reason)
