"""One simulation from beginning to end: statistics into the log, events through the door, sessions in the database."""

import asyncio
import contextlib
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from deploy import controls
from deploy.errors import AwayError, SetupError
from deploy.probes import Address, is_ready
from deploy.settings import Settings
from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.ordered import by_partition, ordered
from deploy.simulate.pages import Catalogue
from deploy.simulate.progress import Arrived, arrived, models_of, until_closed
from deploy.simulate.rows import Row, read, sample, write
from deploy.simulate.send import Pace, events_of_one_request, http_door, pieces, send
from deploy.simulate.uci import Visit
from deploy.wiring.calendars import calendars
from deploy.wiring.keys import import_key
from ingest.partition import partition_of
from scoring.registry import SHIPPED

BASE = "uci"
#: Sessions that are drawn where no file and no number is given.
DRAWN = 1_000
DAY_MS = 24 * 3_600_000
VERIFY = Path(__file__).with_name("verify.py")


class Source(Struct, frozen=True):
    """Rows to send, and the file that holds them: the UCI file, or the drawn rows written like it."""

    rows: list[Row]
    file: Path
    drawn: bool


class Watcher(Protocol):
    """Hears how a simulation goes."""

    def accepted(self, events: int) -> None:
        """So many more events were accepted."""

    def arrived(self, here: Arrived) -> None:
        """So much is in the database."""


def source(settings: Settings, data: Path | None, sessions: int | None, run: str) -> Source:
    """The rows of the file (all, or a sample), or drawn ones where there is no file; raises SetupError."""
    if data is not None:
        rows = read(data)
        return Source(rows if sessions is None else sample(rows, sessions), data, False)
    rows = draw(sessions or DRAWN)
    file = settings.data_dir / "drawn" / f"{run}.csv"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, rows)
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}: see data_dir") from error
    return Source(rows, file, True)


def new_run() -> str:
    """A name for a run that no run had before."""
    return secrets.token_hex(4)


def ingest_address(settings: Settings) -> Address:
    return Address.reached(settings.ingest.host, settings.ingest.port)


class Simulation:
    """The visits of one run, on a site of its own so that it has a clock of its own."""

    def __init__(self, settings: Settings, rows: list[Row], run: str, crowded: bool = False) -> None:
        """`crowded`: see Dates. Raises SetupError when a row has no place in the site's year."""
        self.site = f"{BASE}~{run}"
        self._settings = settings
        self._catalogue = Catalogue()
        dates = Dates(calendars(settings).of(self.site), crowded)
        self._visits = [Visit(self.site, row, dates, self._catalogue) for row in rows]
        self.sessions = len(self._visits)
        self.events = sum(visit.event_count for visit in self._visits)

    async def tell(self, engine: Engine, rate: float, watcher: Watcher) -> float:
        """Send everything and wait until it has arrived; returns the seconds that sending took. Raises SetupError.

        1 the statistics of the pages, announced to every partition · 2 the events · 3 a tick a day later, which closes
        what is still open · 4 every session is closed in the relational database. When sending breaks off, the tick is
        sent all the same.
        """
        settings, sent = self._settings, asyncio.Event()
        self._require_door()
        await controls.put_pages(settings.kafka, self._catalogue.rows(self.site, self.site))
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

    def _require_door(self) -> None:
        address = ingest_address(self._settings)
        if not is_ready(address):
            raise AwayError(
                f"the ingest API at {address.url} is not ready: start the system with `opecom up`, or see ingest.port"
            )

    async def _send(self, rate: float, watcher: Watcher) -> None:
        settings = self._settings
        parts = [part for part in by_partition(self._visits, settings.kafka.partitions, partition_of) if part]
        most = events_of_one_request(rate, len(parts), settings.ingest.max_batch_events)
        streams = [pieces(self.site, ordered(part), most, settings.ingest.max_body_bytes) for part in parts]
        async with http_door(ingest_address(settings).url, import_key(settings), len(parts)) as door:
            await send(streams, door, Pace(rate), watcher.accepted)


def verify(settings: Settings, engine: Engine, site: str, file: Path, sessions: int) -> int:
    """Run the verifying script, which knows nothing of this program; its exit code. Raises SetupError."""
    try:
        models = models_of(engine, site)
    except SQLAlchemyError as error:
        raise SetupError(f"the relational database cannot be read: {error}: see storage.url") from error
    if len(models) != 1:
        raise SetupError(
            f"sessions of {site} were scored by {len(models)} models ({', '.join(models)}): simulate again, without "
            "changing the model meanwhile"
        )
    model = (settings.scoring.registry or SHIPPED) / models[0] / "model.onnx"
    # By standard input, as the URL may hold a password.
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-P", str(VERIFY), "--database", "-", "--site", site, "--data", str(file)]
    command += ["--model", str(model), "--sessions", str(sessions)]
    return subprocess.run(command, input=f"{url}\n", text=True, check=False).returncode  # noqa: S603 - our own script
