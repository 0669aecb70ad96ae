"""The highest live scores of a site, as `GET /sessions/live` tells them."""

import http.client
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from deploy.processes.probes import ProbeAddress


class LiveReason(Struct, frozen=True):
    text: str


class LiveIntent(Struct, frozen=True):
    """What a demonstration shows of an open session."""

    session_id: str
    probability: float
    band: str
    reasons: list[LiveReason]


class _Answer(Struct, frozen=True):
    sessions: list[LiveIntent]


_decoder = msgspec.json.Decoder(_Answer)


def highest(api: ProbeAddress, site: str, limit: int, key: str = "") -> list[LiveIntent]:
    """The open sessions with the highest probabilities, the highest first; none where the API does not answer."""
    connection = http.client.HTTPConnection(api.host, api.port, timeout=5)
    try:
        query = urlencode({"site": site, "limit": limit})
        connection.request("GET", f"/sessions/live?{query}", headers={"X-OPECOM-Key": key} if key else {})
        answer = connection.getresponse()
        body = answer.read()
        return _decoder.decode(body).sessions if answer.status == 200 else []
    except (OSError, http.client.HTTPException):
        return []
    finally:
        connection.close()


class LiveBoard:
    """The highest score that each session had while it was open."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._best: dict[str, LiveIntent] = {}

    def add(self, intents: list[LiveIntent]) -> None:
        for intent in intents:
            known = self._best.get(intent.session_id)
            if known is None or intent.probability > known.probability:
                self._best[intent.session_id] = intent

    def top(self) -> list[LiveIntent]:
        """The highest of all seen so far, the highest first."""
        return sorted(self._best.values(), key=lambda intent: -intent.probability)[: self._places]
