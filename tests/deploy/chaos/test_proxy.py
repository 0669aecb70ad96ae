"""The network fails as it is told to, and what was held comes after it heals."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.chaos.proxy import FaultyProxy, NetworkFault
from deploy.processes.ports import free_port


@contextmanager
def an_echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection:
                while True:
                    try:
                        piece = connection.recv(4_096)
                        if not piece:
                            return
                        connection.sendall(piece)
                    except OSError:
                        return

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy() -> Iterator[FaultyProxy]:
    with an_echo() as target:
        made = FaultyProxy(free_port(), target)
        made.start()
        yield made
        made.stop()


def a_client(proxy: FaultyProxy, seconds: float = 10.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=seconds)


def answers(proxy: FaultyProxy) -> bool:
    """Whether a new connection gets through."""
    try:
        with a_client(proxy) as client:
            client.sendall(b"c")
            return client.recv(10) == b"c"
    except OSError:
        return False


def test_it_passes_what_comes(proxy: FaultyProxy) -> None:
    with a_client(proxy) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"


@pytest.mark.parametrize("fault", ["black hole", "half-open", "one-way up", "one-way down"])
def test_what_is_held_gives_no_answer(proxy: FaultyProxy, fault: NetworkFault) -> None:
    with a_client(proxy) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"a"
        proxy.fail(fault)
        client.sendall(b"b")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(10)
        proxy.heal()
        client.settimeout(10)
        if fault == "half-open":
            with pytest.raises(ConnectionResetError):
                client.recv(10)
        else:
            assert client.recv(10) == b"b"


def test_a_reset_cuts_old_and_new_connections(proxy: FaultyProxy) -> None:
    with a_client(proxy) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"a"
        proxy.fail("reset")
        with pytest.raises(ConnectionResetError):
            client.recv(10)
        assert not answers(proxy)
        proxy.heal()
        assert answers(proxy)


def test_a_slow_link_brings_everything_in_the_end(proxy: FaultyProxy) -> None:
    proxy.fail("slow")
    with a_client(proxy) as client:
        client.sendall(b"x" * 20_000)
        got = 0
        while got < 20_000:
            got += len(client.recv(65_536))
