"""A peer of the ingest API: Granian, one worker, with an RSGI function that answers a request with its own body."""

import sys
from typing import Any

from granian import Granian
from granian.constants import Interfaces


async def app(_scope: Any, protocol: Any) -> None:
    protocol.response_bytes(202, [("content-type", "application/json")], await protocol())


if __name__ == "__main__":
    Granian(
        "deploy.bench.peer_programs.echo_granian:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        websockets=False,
        log_access=False,
    ).serve()
