"""Who is signed in: `GET`, `POST` and `DELETE /sign-in`, which turn a secret key into a cookie and end it."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.console.cookie import COOKIE, current, require_csrf
from storage.http.access import Access
from storage.http.answers import encode
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.secret_keys import SCOPES, Scope, SecretKey
from storage.http.sign_ins import PREFIX

MOST_BYTES = 4_096


class ShownSite(Struct, frozen=True):
    """A site and its IANA time zone."""

    name: str
    time_zone: str


class SignedIn(Struct, frozen=True):
    """Who asks and what is open to them. state: `open` reads without a key on this machine, `signed_out` needs one.

    `all_sites`: the key is of no site of its own. `csrf` goes with each change, in the header `X-OPECOM-CSRF`.
    """

    state: Literal["signed_in", "open", "signed_out"]
    who: str = ""
    scopes: Sequence[Scope] = ()
    all_sites: bool = False
    sites: Sequence[ShownSite] = ()
    csrf: str = ""


class _SignInRequest(Struct, forbid_unknown_fields=True):
    key: str


def sign_in_routes(access: Access, sites: Callable[[], Sequence[ShownSite]]) -> list[Route]:
    """The three routes, of one path; `sites()` are all there are now."""
    sign_ins = access.sign_ins

    async def get_sign_in(request: Request) -> Response:
        sign_in = current(request, sign_ins)
        key = _key_of(sign_in) if sign_in else None
        if sign_in and key:
            return _answer(signed_in(key, sign_ins.csrf(sign_in)))
        if access.is_open(request.headers, _peer(request)):
            return _answer(SignedIn("open", "this machine", ("read",), True, sites()))
        return _answer(SignedIn("signed_out"))

    def _key_of(sign_in: str) -> SecretKey | None:
        try:
            return access.identify({"x-opecom-key": sign_in}, "")
        except ReadError:
            # The key was given up.
            return None

    def signed_in(key: SecretKey, csrf: str) -> SignedIn:
        scopes = tuple(scope for scope in SCOPES if key.opens(scope))
        shown = [site for site in sites() if key.sites is None or site.name in key.sites]
        return SignedIn("signed_in", key.name, scopes, key.sites is None, shown, csrf)

    async def create_sign_in(request: Request) -> Response:
        given = (await json_body(request, _SignInRequest, "a sign-in", MOST_BYTES)).key.strip()
        forwarded = {name: value for name, value in request.headers.items() if name != "x-opecom-key"}
        key = access.identify(forwarded | {"x-opecom-key": given}, _peer(request))
        if key is None or given.startswith(PREFIX):
            raise ReadError("wrong_key", "this is no secret key: `opecom keys add NAME --scope admin` makes one")
        sign_in = sign_ins.issue(key)
        response = _answer(signed_in(key, sign_ins.csrf(sign_in)))
        response.set_cookie(
            COOKIE, sign_in, max_age=sign_ins.seconds, httponly=True, samesite="strict", secure=_is_tls(request)
        )
        return response

    async def end_sign_in(request: Request) -> Response:
        sign_in = current(request, sign_ins)
        if sign_in:
            require_csrf(request.headers, sign_in, sign_ins, "signing out")
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_tls(request))
        return response

    return [
        Route("/sign-in", get_sign_in, methods=["GET"]),
        Route("/sign-in", create_sign_in, methods=["POST"]),
        Route("/sign-in", end_sign_in, methods=["DELETE"]),
    ]


def _answer(answer: SignedIn) -> Response:
    return Response(encode(answer), media_type="application/json", headers={"cache-control": "no-store"})


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _is_tls(request: Request) -> bool:
    """Whether the browser came by TLS, to us or to the proxy before us: only then it would keep a Secure cookie."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").partition(",")[0].strip())
