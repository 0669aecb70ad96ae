"""A system of either profile that runs on one log, and what a test of replays asks of it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import Engine

from deploy.chaos.recomputed import Recomputed, Tables, recompute, stored
from deploy.local import broker
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import wait_until
from deploy.settings.model import Settings
from storage.database.engine import engine_of
from storage.replay.account import Account
from storage.replay.journal import BackfillEntry, Journal
from storage.write.clickhouse_sink import server_client
from tests.support.forked import Command
from tests.support.registry import registry_with
from tests.support.services import Broker
from tests.support.sinks import clickhouse_front
from tests.support.stack import Stack, new_stack, services_stack, up

#: Models of the registry beside the shipped one.
MODELS = ("second", "third", "other")
#: Nobody but the test writes page statistics: what it compares with the log must be of one and the same log.
NO_REFRESH = {"OPECOM_STORAGE__PAGES_REFRESH_SECONDS": "0"}


@dataclass(frozen=True)
class System:
    """`client` reads ClickHouse; None in the embedded profile, where only the running store can."""

    stack: Stack
    settings: Settings
    engine: Engine
    client: Any | None

    @property
    def embedded(self) -> bool:
        return self.client is None

    def replay(self, *options: str, seconds: float = 180) -> Account:
        """The account of `opecom replay` with these options."""
        done = self.stack.opecom("replay", *options, "--json", seconds=seconds)
        assert done.returncode == 0, done.stdout + done.stderr
        return account_of(done.stdout)

    def rows(self) -> Tables:
        """What the databases hold now; without the timeline in the embedded profile."""
        return stored(self.engine, self.client)

    def recompute(self, model: str = "") -> Recomputed:
        return asyncio.run(recompute(self.settings, model))

    @property
    def journal(self) -> Journal:
        return Journal(self.engine, asyncio.run(topics.log_id(kafka_clients(self.settings.kafka))))

    def last_replay(self) -> BackfillEntry | None:
        return next(iter(self.journal.entries()), None)

    def intent(self, session_id: str, http: httpx.Client) -> dict[str, Any] | None:
        """GET /sessions/{id}/intent; None before the session is known."""
        answer = http.get(f"{self.stack.api.url}/sessions/{session_id}/intent", headers=self.stack.read_headers)
        assert answer.status_code in (200, 404), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None


def account_of(said: str) -> Account:
    """The account in the last line of what a command with --json said."""
    return msgspec.json.decode(said.splitlines()[-1], type=Account)


def unchanged(account: Account) -> dict[str, int]:
    """The rows compared, by table, of an account that found no change."""
    found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
    assert found == dict.fromkeys(("sessions", "page_views", "scored_sessions"), (0, 0, 0)), account.tables
    assert account.changed == account.voided == account.refused == account.restored == 0
    return {name: each.compared for name, each in account.tables.items()}


@contextlib.contextmanager
def embedded_system(folder: Path, **settings: str) -> Iterator[System]:
    registry = registry_with(folder / "models", MODELS)
    stack = new_stack(folder, OPECOM_SCORING__REGISTRY=str(registry), **NO_REFRESH, **settings)
    own = stack.settings.model_copy(update={"kafka": stack.settings.kafka.model_copy(update=broker.SETTINGS)})
    with up(stack):
        engine = engine_of(f"sqlite:///{folder / 'data' / 'opecom.sqlite'}")
        try:
            yield System(stack, own, engine, None)
        finally:
            engine.dispose()


@contextlib.contextmanager
def services_system(folder: Path, kafka: Broker, url: str, **settings: str) -> Iterator[System]:
    with clickhouse_front(folder / "clickhouse") as port:
        registry = registry_with(folder / "models", MODELS)
        changed = NO_REFRESH | settings
        stack = services_stack(folder, kafka, url, port, OPECOM_SCORING__REGISTRY=str(registry), **changed)
        with up(stack):
            engine = engine_of(url)
            client = server_client("127.0.0.1", port, "default", "", stack.settings.storage.clickhouse_database)
            try:
                yield System(stack, stack.settings, engine, client)
            finally:
                client.close()
                engine.dispose()


class Progress:
    """How far the newest replay of a log is, by its journal."""

    def __init__(self, system: System) -> None:
        self._journal = system.journal
        before = self._entry()
        #: What had ended before, and when the one that goes on had moved last.
        self._ended = before.number if before is not None and before.state != "running" else 0
        self._moved_at = before.moved_at if before is not None else 0

    def share(self) -> float:
        """How much is told of the replay that began since, or goes on; 0 before it has begun."""
        entry = self._entry()
        if entry is None or entry.number == self._ended:
            return 0.0
        checkpoints = self._journal.checkpoints(entry.number)
        whole = sum(each.plan.records for each in checkpoints)
        done = sum(min(each.plan.records, each.next - each.plan.begin.next) for each in checkpoints)
        return done / whole if whole else 1.0

    def moved(self) -> bool:
        """Whether it has told something since this was made."""
        entry = self._entry()
        return (
            entry is not None and entry.number != self._ended and entry.moved_at > max(self._moved_at, entry.started_at)
        )

    def done(self) -> bool:
        entry = self._entry()
        return entry is not None and entry.number != self._ended and entry.state == "done"

    def _entry(self) -> BackfillEntry | None:
        return next(iter(self._journal.entries()), None)


def wait_for_share(progress: Progress, share: float, running: Command, seconds: float = 120) -> bool:
    """Wait until the replay has got so far; whether its command still runs then."""
    reached = wait_until(lambda: running.poll() is not None or progress.share() >= share, seconds)
    assert reached, f"the replay did not reach {share:.0%}"
    return running.poll() is None


class Polling:
    """Asks again and again in a thread, and remembers how long the slowest answer took."""

    def __init__(self, ask: Callable[[httpx.Client], object]) -> None:
        import threading

        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.slowest, self.answers = 0.0, 0
        self.failure: Exception | None = None

    def __enter__(self) -> "Polling":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self._ask(http)
                except (httpx.HTTPError, AssertionError) as error:
                    self.failure = error
                    return
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answers += 1
                self._stop.wait(0.05)
