"""Parts of the system as processes of their own, the way a user runs them."""

import json
import os
import signal
from pathlib import Path

import httpx
import psutil

from deploy.processes.ports import wait_until
from deploy.settings.model import Settings
from tests.support.forked import Opecom


def environment(settings: Settings) -> dict[str, str]:
    """Variables that give another process these settings."""
    given = json.loads(settings.model_dump_json(exclude={"storage", "api"}))
    variables = {}
    for group, value in given.items():
        if isinstance(value, dict) and group != "sites":
            for name, each in value.items():
                if each is not None and not str(each).startswith("****"):
                    text = each if isinstance(each, str) else json.dumps(each)
                    variables[f"OPECOM_{group.upper()}__{name.upper()}"] = text
    return {**variables, "OPECOM_PROFILE": settings.profile, "OPECOM_DATA_DIR": str(settings.data_dir)}


class Part:
    """`opecom run NAME` as a process; its output goes to a file of its own."""

    def __init__(self, name: str, folder: Path, variables: dict[str, str], port: int) -> None:
        self.name = name
        self.port = port
        self.log = folder / f"{name}-{port}.log"
        self._process = Opecom(["run", name], {**os.environ, **variables}, self.log)

    def wait_ready(self, seconds: float = 90) -> "Part":
        ready = wait_until(lambda: self._process.poll() is not None or self._answers(), seconds)
        assert ready, f"{self.name} was not ready:\n{self.words()}"
        assert self._process.poll() is None, f"{self.name} ended:\n{self.words()}"
        return self

    def kill(self) -> None:
        """kill -9."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code of what has ended."""
        return self._process.poll()

    @property
    def ready(self) -> bool:
        return self.alive and self._answers()

    def cpu_seconds(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def words(self) -> str:
        return self.log.read_text()[-3000:]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False
