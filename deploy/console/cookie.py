"""The cookie of a sign-in in place of a key: what lets a page ask the API without keeping a key in its scripts."""

import hmac

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from storage.http.errors import ReadError
from storage.http.sign_ins import SignIns

COOKIE = "opecom_sign_in"
#: The header that a change has to bring beside the cookie.
CSRF = "x-opecom-csrf"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def current(connection: HTTPConnection, sign_ins: SignIns) -> str | None:
    """The sign-in of this request's cookie, None: there is none, it is forged, or it has ended."""
    given = connection.cookies.get(COOKIE)
    if given is None:
        return None
    try:
        return given if sign_ins.digest(given) else None
    except ReadError:
        return None


def require_csrf(headers: Headers, sign_in: str, sign_ins: SignIns, what: str = "a change") -> None:
    """Raise ReadError (wrong_scope) where `what` lacks the header that only a page of this origin can know."""
    if not hmac.compare_digest(headers.get(CSRF, "").encode(), sign_ins.csrf(sign_in).encode()):
        raise ReadError("wrong_scope", f"{what} needs the header {CSRF}: GET /sign-in has its value")


class CookieAsKey:
    """Hands each request on, with the cookie's sign-in as its key; a key of its own stands first."""

    def __init__(self, app: ASGIApp, sign_ins: SignIns) -> None:
        self._app = app
        self._sign_ins = sign_ins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        sign_in = None if "x-opecom-key" in connection.headers else current(connection, self._sign_ins)
        if sign_in is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] not in _READS:
            require_csrf(connection.headers, sign_in, self._sign_ins)
        headers = [*scope["headers"], (b"x-opecom-key", sign_in.encode())]
        await self._app({**scope, "headers": headers}, receive, send)
