"""What running parts answer over HTTP: whether they are ready, and any other of their pages."""

import http.client
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeAddress:
    """Where a part listens, as this machine reaches it."""

    host: str
    port: int

    @classmethod
    def reached(cls, host: str, port: int) -> "ProbeAddress":
        """The address for a client, where `host` is what the server was given."""
        return cls("127.0.0.1" if host in ("", "0.0.0.0", "::") else host, port)  # noqa: S104 - this is who connects

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def is_ready(address: ProbeAddress) -> bool:
    """Whether `/readyz` answers 200."""
    return get(address, "/readyz")[0] == 200


def get(address: ProbeAddress, path: str, key: str = "") -> tuple[int, str]:
    """The status and the body, 0 where nobody answers."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", path, headers={"X-OPECOM-Key": key} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
