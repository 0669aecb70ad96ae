"""One Kafka and one MariaDB for a whole run: started when the first test wants them, ended when the run ends.

Under pytest-xdist they belong to the process that starts the workers, which ask it for them over a local socket.
"""

import contextlib
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Literal, Protocol

from tests.support import services

Name = Literal["kafka", "mariadb"]
#: What a test needs to know of a service that runs.
Service = services.Broker | services.MariaDb

START: dict[Name, Callable[[Path], AbstractContextManager[Service]]] = {
    "kafka": services.real_kafka,
    "mariadb": services.real_mariadb,
}


class SharedServices(Protocol):
    def get(self, name: Name) -> Any:
        """The service, started if it does not run; raises SetupError."""
        ...


class OwnServices:
    """The services of the process that this is."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        self._running: dict[Name, Service] = {}
        self._lock = threading.Lock()

    def get(self, name: Name) -> Service:
        with self._lock:
            if name not in self._running:
                folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix=f"op-ecom-{name}-")))
                self._running[name] = self._held.enter_context(START[name](folder))
            return self._running[name]

    def close(self) -> None:
        self._held.close()


class ServiceServer:
    """Gives the services of this process to its workers. One thread answers one after the other.

    The thread lives as long as the services: Linux ends them with the thread that started them.
    """

    def __init__(self, own: OwnServices) -> None:
        self._own = own
        self._listener = Listener()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        address: str = self._listener.address  # type: ignore[assignment]
        return address

    def close(self) -> None:
        """Stop answering."""
        with Client(self.address) as connection:
            connection.send(None)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            with self._listener.accept() as connection:
                name = connection.recv()
                if name is None:
                    return
                self._answer(connection, name)

    def _answer(self, connection: "Connection[Any, Any]", name: Name) -> None:
        try:
            answer: Any = self._own.get(name)
        except Exception as error:  # the worker raises it where a test can fail
            answer = error
        with contextlib.suppress(OSError):
            connection.send(answer)


class ServicesOfController:
    """What a worker has: the services of the process that started it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, name: Name) -> Service:
        with Client(self._address) as connection:
            connection.send(name)
            answer = connection.recv()
        if isinstance(answer, Exception):
            raise answer
        found: Service = answer
        return found
