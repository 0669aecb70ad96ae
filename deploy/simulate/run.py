"""One simulation from beginning to end: statistics into the log, events through ingest, sessions in the database."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Engine

from deploy.errors import AwayError
from deploy.log import controls
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.settings.model import Settings
from deploy.simulate.ordered import by_partition, ordered
from deploy.simulate.progress import StoredCounts, arrived, until_closed
from deploy.simulate.send import SendPace, events_of_one_request, http_sender, pieces, send
from deploy.simulate.visit import Visit
from deploy.wiring.keys import import_key
from ingest.events import base_site
from ingest.partition import partition_of
from stream.fold.pages import PageRow

DAY_MS = 24 * 3_600_000


class SimulationListener(Protocol):
    """Hears how a simulation goes."""

    def accepted(self, events: int) -> None:
        """So many more events were accepted."""

    def arrived(self, here: StoredCounts) -> None:
        """So much is in the database."""


def new_run() -> str:
    """A name for a run that no run had before."""
    return secrets.token_hex(4)


def ingest_address(settings: Settings) -> ProbeAddress:
    return ProbeAddress.reached(settings.ingest.host, settings.ingest.port)


class Simulation:
    """The visits of one run, on a site of its own so that it has a clock of its own."""

    def __init__(self, settings: Settings, site: str, visits: Sequence[Visit], pages: Sequence[PageRow] = ()) -> None:
        """`site` names its run (`uci~k3f9`); `pages` are the statistics of the pages that the visits see."""
        self.site = site
        self._settings = settings
        self._visits = visits
        self._pages = pages
        self.sessions = len(visits)
        self.events = sum(visit.event_count for visit in visits)

    async def send_all(self, engine: Engine, rate: float, watcher: SimulationListener) -> float:
        """Send everything and wait until it has arrived; returns the seconds that sending took. Raises SetupError.

        1 the statistics of the pages, if any, announced to every partition · 2 the events · 3 a tick a day later, which
        closes what is still open · 4 every session is closed in the relational database. When sending breaks off, the
        tick is sent all the same.
        """
        settings, sent = self._settings, asyncio.Event()
        self._require_ingest()
        if self._pages:
            await controls.put_pages(settings.kafka, self._pages)
        watching = asyncio.create_task(
            until_closed(lambda: arrived(engine, self.site), self.sessions, sent, watcher.arrived)
        )
        try:
            began = time.monotonic()
            await self._send(rate, watcher)
            seconds = time.monotonic() - began
            await self._close_sessions()
            sent.set()
            await watching
        except BaseException:
            # Sent in part or not at all: no later event would ever close what is open.
            if not sent.is_set():
                with contextlib.suppress(controls.LogError):
                    await self._close_sessions()
            raise
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return seconds

    async def _close_sessions(self) -> None:
        last = max(visit.start + visit.lasts for visit in self._visits)
        await controls.tick(self._settings.kafka, self.site, last + DAY_MS)

    def _require_ingest(self) -> None:
        address = ingest_address(self._settings)
        if not is_ready(address):
            raise AwayError(
                f"the ingest API at {address.url} is not ready: start the system with `opecom up`, or see ingest.port"
            )

    async def _send(self, rate: float, watcher: SimulationListener) -> None:
        settings = self._settings
        parts = [part for part in by_partition(self._visits, settings.kafka.partitions, partition_of) if part]
        most = events_of_one_request(rate, len(parts), settings.ingest.max_batch_events)
        streams = [pieces(self.site, ordered(part), most, settings.ingest.max_body_bytes) for part in parts]
        site = base_site(self.site)
        async with http_sender(ingest_address(settings).url, site, import_key(settings, site), len(parts)) as sender:
            await send(streams, sender, SendPace(rate), watcher.accepted)
