"""Gives every refusal of an application the same body: its code, and one line for a person."""

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec.json import encode
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from storage.http.errors import ReadCode, ReadError


def add_refusals(app: Starlette) -> None:
    """Answer ReadError, parameters that are not as they must be, wrong routes, and defects of ours."""

    async def refused(_: Request, error: Exception) -> Response:
        return _refusal(error) if isinstance(error, ReadError) else _refusal(_internal)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
        first = error.errors()[0]
        return _refusal(ReadError("invalid", f"{' '.join(map(str, first['loc']))}: {first['msg']}"))

    async def routed_wrong(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        codes: dict[int, ReadCode] = {404: "not_found", 405: "wrong_method"}
        reason = f"there is no {request.method} {request.url.path:.100}; /docs lists what there is"
        return _refusal(ReadError(codes.get(status, "internal"), reason))

    app.add_exception_handler(ReadError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, routed_wrong)
    app.add_exception_handler(Exception, refused)


_internal = ReadError("internal", "this failed here; the log of the query API says why")


def _refusal(error: ReadError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Response(encode(error.answer()), error.status, headers, media_type="application/json")
