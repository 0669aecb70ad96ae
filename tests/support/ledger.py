"""A client of the ingest API that keeps its own list of what was accepted, on disk before it goes on."""

import os
import random
import threading
import time
from pathlib import Path
from uuid import UUID

import httpx
import uuid_utils

from deploy.processes.ports import wait_until
from tests.support.agents import BROWSER


class Ledger:
    """Sends page views of many sessions at a steady rate from a thread; resends whatever has no clear answer."""

    def __init__(self, url: str, file: Path, rate: float, batch: int = 10, seed: int = 1) -> None:
        self._url = url
        self._file = file
        self._rate = rate
        self._batch = batch
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._sessions = [self._new_session() for _ in range(60)]
        #: Batches that were sent again, and events that were accepted.
        self.resent, self.count = 0, 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> set[str]:
        """End, and return the ids of all accepted events, read back from the file."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        accepted = self.accepted()
        assert accepted, "nothing was accepted"
        return accepted

    def wait_for(self, count: int, seconds: float = 240) -> None:
        """Until so many more events are accepted."""
        wanted = self.count + count
        assert wait_until(lambda: self.count >= wanted, seconds), f"{self.count} of {wanted} events were accepted"

    def accepted(self) -> set[str]:
        return set(self._file.read_text().split()) if self._file.exists() else set()

    def _run(self) -> None:
        due = time.monotonic()
        # Settings are read with another environment meanwhile, in which httpx would look for proxies.
        direct = httpx.Client(timeout=20, headers=BROWSER, trust_env=False)
        with self._file.open("a") as file, direct as client:
            while not self._stop.is_set():
                due += self._batch / self._rate
                self._stop.wait(max(0.0, due - time.monotonic()))
                events = [self._event() for _ in range(self._batch)]
                while not self._send(client, events):
                    self.resent += 1
                    time.sleep(0.2)
                file.write("".join(f"{event['event_id']}\n" for event in events))
                file.flush()
                os.fsync(file.fileno())
                self.count += len(events)

    def _send(self, client: httpx.Client, events: list[dict[str, object]]) -> bool:
        body = {"site": "default", "sent_at": int(time.time() * 1000), "events": events}
        try:
            answer = client.post(f"{self._url}/v1/batch", json=body)
        except httpx.HTTPError:
            return False
        if answer.status_code != 202:
            return False
        assert answer.json()["accepted"] == len(events), answer.text
        return True

    def _event(self) -> dict[str, object]:
        number = self._random.randrange(len(self._sessions))
        if self._random.random() < 0.03:
            self._sessions[number] = self._new_session()
        kind = self._random.choice(["page_view", "page_view", "page_ping"])
        page = {"page": {"url": f"https://shop.example/p/{number}", "type": "ProductRelated"}}
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
