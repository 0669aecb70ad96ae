"""The audit trail: one line for each read, export, change or deletion of what is held of people, and whose key it was.

A change by a known caller is kept as well, beside the lines of commands: `opecom audit` exports both.

A line says who (a key's name, never the key), the action, the site, the subject, and the result. Visitors and
sessions stand in it by the digest that the topic `erasures` has of them: the trail outlives what it is about, and must
not bring back who was forgotten.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.http.audit_line import line
from stream.fold.erasure_keys import ErasureKeys

log = logging.getLogger(__name__)

#: What stands for a caller whose key is not known.
UNKNOWN = "nobody known"
_PLACE = "opecom.audit"
#: Methods that change nothing.
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class AuditRecord:
    """What is known of one request so far; only one that `counts` becomes a line, and of these those of routes that are
    `privileged` (of another scope than read) may be changes."""

    counts: bool = False
    privileged: bool = False
    who: str = UNKNOWN
    site: str = ""
    subject: str = ""


def record_of(scope: Scope) -> AuditRecord:
    """The record of a request; one that goes nowhere where its application keeps no trail."""
    found: AuditRecord = scope.get(_PLACE) or AuditRecord()
    return found


class AuditTrail:
    """Middleware: writes the line when the answer begins, before anything of it leaves; 500 where none began.

    `keep` takes the lines of changes, for longer than a log is kept.
    """

    def __init__(
        self, app: ASGIApp, keys: ErasureKeys | None = None, keep: Callable[[str], None] = lambda _: None
    ) -> None:
        self._app = app
        self._keys = keys or ErasureKeys()
        self._keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = scope[_PLACE] = AuditRecord()
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start" and not began:
                began = True
                self._write(scope, record, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if not began:
                self._write(scope, record, 500)

    def _write(self, scope: Scope, record: AuditRecord, status: int) -> None:
        if not record.counts:
            return
        requested = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("site", [""])[0]
        site, path = record.site or requested, getattr(scope.get("route"), "path", "none")
        subject = record.subject or _subject(site, scope.get("path_params", {}), self._keys)
        written = line(record.who, f"{scope['method']} {path}", site or "all of the key", subject, status)
        log.info(written)
        # Strangers could fill a file that nothing rotates.
        if record.privileged and scope["method"] not in READING and record.who != UNKNOWN:
            self._keep(written)


def _subject(site: str, named: Mapping[str, Any], keys: ErasureKeys) -> str:
    if "visitor_id" in named:
        return f"visitor {keys.visitor_digest(site, named['visitor_id'])}"
    if "session_id" in named:
        # Of which site, only the answer knows; an id alone has another digest.
        return f"session {keys.session_digest(site, named['session_id'])}"
    return " ".join(f"{name} {value}" for name, value in named.items())
