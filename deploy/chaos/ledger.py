"""A client of the ingest API that keeps its own list of what was accepted, on disk before it goes on."""

import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import uuid_utils

from deploy.processes.ports import wait_until

#: The header of a visitor's browser: sessions of programs stay out of lists.
BROWSER = {
    "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
}


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event that the API answered 202 for; `at` is when the answer came, seconds since 1970."""

    session_id: str
    at: float


class LedgerFile:
    """The list on disk: a line each of event id, session id and time of acceptance; several threads may add to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, events: Sequence[Mapping[str, object]]) -> None:
        """Returns when the disk has them."""
        now = time.time()
        with self._lock, self._path.open("a") as file:
            file.write("".join(f"{event['event_id']} {event['session_id']} {now:.3f}\n" for event in events))
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> dict[str, AcceptedEvent]:
        """What was accepted, by event id; a last line that a kill has torn was never counted."""
        found = {}
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            if len(words := line.split()) == 3:
                found[words[0]] = AcceptedEvent(words[1], float(words[2]))
        return found


class Ledger:
    """Sends page views of many sessions at a steady rate from a thread; resends whatever has no clear answer.

    `again` is the part of the batches that are sent once more after they were accepted, as a client does to which the
    answer got lost; `sessions` is of how many sessions the events are at a time. `failure` says what the API answered
    that no client can go on from, "" for nothing.
    """

    def __init__(
        self,
        url: str,
        file: Path,
        rate: float,
        batch: int = 10,
        seed: int = 1,
        again: float = 0.0,
        sessions: int = 60,
    ) -> None:
        self._url = url
        self.file = LedgerFile(file)
        self._rate = rate
        self._batch = batch
        self._random = random.Random(seed)  # noqa: S311 - traffic, no secret
        self._again = again
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._sessions = [self._new_session() for _ in range(sessions)]
        #: Batches that were sent again, and events that were accepted.
        self.resent, self.count = 0, 0
        self.failure = ""

    @property
    def sessions(self) -> Sequence[str]:
        """Those that the next events are of: each of visitor `v` and its place here."""
        return self._sessions

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> set[str]:
        """End, and return the ids of all accepted events, read back from the file."""
        self._stop.set()
        self._thread.join(60)
        found = set(self.file.read())
        if self.failure or self._thread.is_alive() or not found:
            why = "does not end" if self._thread.is_alive() else "was answered nothing"
            raise RuntimeError(self.failure or f"the client of the ingest API {why}")
        return found

    def wait_for(self, count: int, seconds: float = 240) -> None:
        """Until so many more events are accepted; raises TimeoutError."""
        wanted = self.count + count
        if not wait_until(lambda: self.count >= wanted, seconds):
            raise TimeoutError(f"{self.count} of {wanted} events were accepted")

    def _run(self) -> None:
        due = time.monotonic()
        # Settings are read with another environment meanwhile, in which httpx would look for proxies.
        direct = httpx.Client(timeout=20, headers=BROWSER, trust_env=False)
        with direct as client:
            while not self._stop.is_set() and not self.failure:
                due = max(due + self._batch / self._rate, time.monotonic() - 1)
                self._stop.wait(max(0.0, due - time.monotonic()))
                events = [self._event() for _ in range(self._batch)]
                while not self._send(client, events):
                    # One without an answer is left at the end: it may be in the log, but nobody was promised anything.
                    if self._stop.wait(0.2) or self.failure:
                        return
                    self.resent += 1
                self.file.add(events)
                self.count += len(events)
                if self._again and self._random.random() < self._again:
                    self._send(client, events)

    def _send(self, client: httpx.Client, events: Sequence[Mapping[str, object]]) -> bool:
        answer = send_batch(client, self._url, events)
        if answer is None or answer.status_code != 202:
            return False
        if answer.json()["accepted"] != len(events):
            self.failure = f"the ingest API took a part of a batch: {answer.text[:300]}"
            return False
        return True

    def _event(self) -> dict[str, object]:
        number = self._random.randrange(len(self._sessions))
        if self._random.random() < 0.03:
            self._sessions[number] = self._new_session()
        kind = self._random.choice(["page_view", "page_view", "page_ping"])
        page = {"page": {"url": f"https://shop.example/p/{number % 1_000}", "type": "ProductRelated"}}
        return {
            "event_id": str(uuid_utils.uuid7()),
            "type": kind,
            "session_id": self._sessions[number],
            "visitor_id": f"v{number}",
            "occurred_at": int(time.time() * 1000) - self._random.randrange(2_000),
            **(page if kind == "page_view" else {"ping": {"engaged_ms": 500, "scroll_depth": 10}}),
        }

    def _new_session(self) -> str:
        return str(UUID(int=self._random.getrandbits(128)))


def send_batch(client: httpx.Client, url: str, events: Sequence[Mapping[str, object]]) -> httpx.Response | None:
    """The answer of the ingest API to a batch; None where none came."""
    body = {"site": "default", "sent_at": int(time.time() * 1000), "events": list(events)}
    try:
        return client.post(f"{url}/v1/batch", json=body)
    except httpx.HTTPError:
        return None
