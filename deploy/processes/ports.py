"""Ports of this machine: which are free, and who answers on them."""

import errno
import socket
import struct
import time
from collections.abc import Callable

from deploy.errors import PortTakenError

_REASONS = {
    errno.EADDRINUSE: "another process listens there",
    errno.EACCES: "this user may not listen there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    socket.EAI_NONAME: "no such host name",
}


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket, `port` 0 for any free one; raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # Accepted sockets inherit it. asyncio would set it, but not on a socket made without a protocol number, and
        # an answer in two writes then waits 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise PortTakenError(host, port, _REASONS.get(error.errno or 0, error.strerror or str(error))) from error


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there on loopback, else a port that is free now."""
    try:
        listener = listen("127.0.0.1", wanted)
    except PortTakenError:
        listener = listen("127.0.0.1", 0)
    with listener:
        return int(listener.getsockname()[1])


def require_free(port: int) -> None:
    """Raises PortTakenError when somebody listens on this loopback port."""
    listen("127.0.0.1", port).close()


def speaks_kafka(port: int) -> bool:
    """Whether a broker on this loopback port answers an ApiVersions request (version 0, correlation id 7)."""
    request = struct.pack(">hhih", 18, 0, 7, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10)
    except OSError:
        return False
    return len(answer) >= 10 and struct.unpack(">ih", answer[4:10]) == (7, 0)


def speaks_mariadb(port: int) -> bool:
    """Whether a server on this loopback port sends MariaDB's greeting (protocol 10)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            greeting = connection.recv(5)
    except OSError:
        return False
    return len(greeting) == 5 and greeting[4] == 10


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether `holds` came true within `seconds`; asked twenty times a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
