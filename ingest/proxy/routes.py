"""A part of the paths that another server answers, and its place in our document. For programs, and for our own pages:
no page of another origin gets in.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.types import Receive, Scope, Send

from ingest.admission.guard import Guard, origin_of
from ingest.admission.limits import WrongKeys
from ingest.admission.origins import PAGE_SCHEMES
from ingest.answers import ResponseSender
from ingest.body_reader import ClientGoneError
from ingest.errors import FAULT, RequestRefusedError
from ingest.headers import joined
from ingest.metrics import IngestMetrics
from ingest.proxy.upstream import ProxyOptions, Upstream

_log = logging.getLogger(__name__)

#: What the other server answers to a key that it does not know.
UNAUTHORIZED = 401
#: How long our document may wait for that of the other server, in seconds.
DOCUMENT_SECONDS = 2.0
#: What the other server's schemas are called in our document, where some have the names of ours.
_SCHEMA, _RENAMED = "#/components/schemas/", "api."


class ProxiedRoutes:
    """The paths at and below `prefix`, such as /admin. Who sends wrong keys is slowed here, where it is known who."""

    def __init__(self, prefix: str, upstream: Upstream, metrics: IngestMetrics, guard: Guard) -> None:
        self.prefix = prefix
        self._upstream = upstream
        self._responses = ResponseSender(f"{prefix}/...", metrics)
        self._guard = guard
        self._wrong_keys = WrongKeys()

    def leads_to(self, path: str) -> bool:
        return path.startswith(self.prefix) and path[len(self.prefix) : len(self.prefix) + 1] in ("", "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check(scope)
            await self._upstream.pass_on(scope, receive, send, ProxyOptions(self._counting(scope)))
        except ClientGoneError:
            return
        except RequestRefusedError as refusal:
            await self._responses.refuse(refusal, [], send)
        except Exception:
            _log.exception("a request to %s failed", self.prefix)
            await self._responses.refuse(RequestRefusedError("internal", FAULT, 1), [], send)

    def _counting(self, scope: Scope) -> Callable[[int], None]:
        """Counts the status of the answer, and a wrong key of this client; raises RequestRefusedError(rate)."""
        headers = joined(scope["headers"])
        if b"x-opecom-key" not in headers:
            return self._responses.count
        address = self._guard.client(headers, scope["client"][0] if scope.get("client") else "").address
        if wait := self._wrong_keys.wait(address, time.monotonic()):
            raise RequestRefusedError("rate", f"too many wrong keys from this address; wait {wait} s", wait)

        def count(status: int) -> None:
            self._responses.count(status)
            if status == UNAUTHORIZED:
                self._wrong_keys.count(address, time.monotonic())

        return count


def _check(scope: Scope) -> None:
    """Raise RequestRefusedError for pages of other origins, and for paths that two servers may read differently."""
    headers = joined(scope["headers"])
    origin, host = origin_of(headers), headers.get(b"host", b"").decode("latin-1")
    if origin is not None and _host_of(origin) != host.lower():
        raise RequestRefusedError("wrong_origin", f"pages of {origin[:100]} may not ask for {scope['path'][:60]}")
    # A parameter of a segment ("..;x") is no part of its name to some servers.
    segments = (each.partition(";")[0] for each in scope["path"].replace("\\", "/").split("/"))
    if not {".", ".."}.isdisjoint(segments):
        raise RequestRefusedError("not_found", "write the path without dots: /docs lists what there is")


def _host_of(origin: str) -> str:
    """The host and port of a page's origin; empty where it is no web page, such as a browser's extension."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in PAGE_SCHEMES else ""


async def with_passed(
    document: dict[str, Any], upstream: Upstream, passages: Iterable[ProxiedRoutes]
) -> tuple[dict[str, Any], bool]:
    """`document` with the other server's routes that these passages lead to, and whether it is whole.

    Where that server gives none now, a note says what is left out.
    """
    try:
        theirs = msgspec.json.decode(await upstream.read("/openapi.json", DOCUMENT_SECONDS))
        paths = {
            path: operations
            for path, operations in theirs["paths"].items()
            if any(passage.leads_to(path) for passage in passages)
        }
        return _merged(document, paths, theirs.get("components", {})), True
    except RequestRefusedError as away:
        return _noting(document, f"The routes under {_named(passages)} are left out here: {away.reason}."), False
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
        note = f"The routes under {_named(passages)} are left out here: that server has no document."
        return _noting(document, note), False


def _named(passages: Iterable[ProxiedRoutes]) -> str:
    return ", ".join(passage.prefix for passage in passages)


def _noting(document: dict[str, Any], note: str) -> dict[str, Any]:
    return document | {"info": document["info"] | {"description": note}}


def _merged(document: dict[str, Any], paths: dict[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    schemas = theirs.get("schemas", {})
    needed = _needed(paths, schemas)
    ours = document["components"]
    components = ours | {
        "schemas": ours["schemas"] | {_RENAMED + name: _renamed(schemas[name]) for name in needed},
        "securitySchemes": _schemes(paths, theirs) | ours["securitySchemes"],
    }
    return document | {"paths": document["paths"] | _renamed(paths), "components": components}


def _schemes(paths: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The ways to send a key that operations of these paths name."""
    operations = [one for path in paths.values() for one in path.values() if isinstance(one, dict)]
    named = {name for one in operations for way in one.get("security", []) for name in way}
    return {name: scheme for name, scheme in theirs.get("securitySchemes", {}).items() if name in named}


def _needed(paths: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that these paths refer to, and those that they refer to in turn."""
    found: set[str] = set()
    left = [paths]
    while left:
        for name in _referred(left.pop()) - found:
            if name in schemas:
                found.add(name)
                left.append(schemas[name])
    return found


def _referred(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = value.get("$ref")
        named = {own.removeprefix(_SCHEMA)} if isinstance(own, str) else set()
        return named.union(*(_referred(each) for each in value.values()))
    return set().union(*(_referred(each) for each in value)) if isinstance(value, list) else set()


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: each.replace(_SCHEMA, _SCHEMA + _RENAMED)
            if key == "$ref" and isinstance(each, str)
            else _renamed(each)
            for key, each in value.items()
        }
    return [_renamed(each) for each in value] if isinstance(value, list) else value
