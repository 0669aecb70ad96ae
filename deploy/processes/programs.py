"""Programs that outlive the command that starts them, known by a file with pid and start time."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.errors import SetupError
from deploy.processes.ports import wait_until

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """A program under `folder`: its pid file is `<name>.pid`, its output goes to `<name>.log`."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def process(self) -> psutil.Process | None:
        """The program if it runs. A pid that was given to another process since is not it: start times must agree."""
        try:
            known = json.loads(self.pid_file.read_text())
            process = psutil.Process(known["pid"])
            same = abs(process.create_time() - known["started"]) < 0.05
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, psutil.Error):
            return None

    def start(
        self,
        command: Sequence[str],
        ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        seconds: float = 60,
        die_with_parent: bool = False,
    ) -> None:
        """Starts `command` and waits until it is ready; raises SetupError with the log's last line where it fails."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - the command is ours
                list(command),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=death_with(os.getpid()) if die_with_parent else None,  # noqa: PLW1509 - it calls prctl only
            )
        started = psutil.Process(child.pid).create_time()
        self.pid_file.write_text(json.dumps({"pid": child.pid, "started": started}))
        if wait_until(lambda: child.poll() is not None or ready(), seconds) and child.poll() is None:
            # The program is to outlive this object, whose end would warn that it still runs.
            child.returncode = 0
            return
        code = child.poll()
        self.stop()
        child.poll()
        what = f"ended with code {code}" if code is not None else f"was not ready within {seconds:.0f} s"
        raise SetupError(f"{self.name} {what}: {self.last_words()} (log: {self.log})")

    def stop(self, seconds: float = 20) -> bool:
        """Ends the program, by SIGKILL after `seconds`; False if it did not run."""
        process = self.process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(seconds)
                except psutil.TimeoutExpired:
                    process.kill()
                    process.wait(seconds)
        self.pid_file.unlink(missing_ok=True)
        return process is not None

    def last_words(self) -> str:
        """The last line of the log that says something, the errors first."""
        try:
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        except OSError:
            return "no log"
        errors = [line for line in lines[-200:] if "ERROR" in line.upper() or "Exception" in line]
        return (errors or lines or ["no output"])[-1][:300]


def death_with(parent: int) -> Callable[[], None] | None:
    """What a child runs before its program so that it gets SIGKILL when `parent` dies, however; None off Linux."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def follow() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return follow
