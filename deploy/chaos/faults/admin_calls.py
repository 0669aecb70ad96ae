"""Requests to the query API with the admin key, as a user makes them during a fault."""

import msgspec

from deploy.chaos.faults.kind import FaultContext
from deploy.errors import SetupError
from deploy.processes.probes import ProbeAddress
from deploy.terminal.query_client import QueryApi, call_api

#: Seconds in which a part must come to an armed point, and in which it must be there again.
POINT_WITHIN, READY_WITHIN = 20.0, 60.0
PART = "api"


def call(context: FaultContext, method: str, path: str, body: object = None, seconds: float = 10) -> bytes:
    """The answer; nothing where the API gives none now."""
    settings = context.installation.settings
    key = settings.api.admin_keys[0].get_secret_value()
    api = QueryApi(ProbeAddress("127.0.0.1", settings.api.port))
    encoded = None if body is None else msgspec.json.encode(body)
    try:
        return call_api(api, method, path, encoded, key, seconds)
    except SetupError:
        return b""


def dies_at(context: FaultContext, point: str, passage: int, method: str, path: str, body: object) -> bool:
    """Whether the API died at this point while it carried the request out; it is there again in any case."""
    installation = context.installation
    part = installation.parts[PART]
    installation.hold_down(PART)
    part.order(point=point, passage=passage)
    installation.expect_death(PART)
    call(context, method, path, body, POINT_WITHIN)
    died = installation.until(lambda: not part.alive, POINT_WITHIN, 0.02)
    if not died:
        # Its point stays armed: a process that has passed it would die of something later.
        part.kill()
    installation.release(PART)
    return died


def is_ready(context: FaultContext) -> bool:
    """Whether the API is there, after a while."""
    installation = context.installation
    return installation.until(lambda: installation.parts[PART].ready, READY_WITHIN, 0.2)
