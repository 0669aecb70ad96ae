"""The system for a demonstration: the one that runs, else one started here as a child and stopped at the end."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.errors import AwayError, SetupError
from deploy.processes import data_folder
from deploy.processes.interpreter import OPECOM
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.settings.model import Settings

START_SECONDS = 90.0
#: The parts drain one after the other, each within 20 s.
STOP_SECONDS = 90.0
EVERY = 0.2


def api_address(settings: Settings) -> ProbeAddress:
    return ProbeAddress.reached(settings.api.host, settings.api.port)


@contextlib.contextmanager
def system(settings: Settings) -> Iterator[bool]:
    """A system that is ready, for as long as the context lasts; whether it was started here. Raises SetupError."""
    addresses = (ProbeAddress.reached(settings.ingest.host, settings.ingest.port), api_address(settings))
    if settings.profile != "embedded" or data_folder.running(settings.data_dir):
        waiting = [address.url for address in addresses if not is_ready(address)]
        if waiting:
            raise AwayError(f"{' and '.join(waiting)} not ready: see `opecom up`, or wait until it says so")
        yield False
        return
    log = settings.data_dir / "logs" / "demo.log"
    with _started(log) as child:
        _wait(child, addresses, log)
        yield True


@contextlib.contextmanager
def _started(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`opecom up` as a child that writes to `log`; stopped, and waited for, at the end."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        out = log.open("wb")
    except OSError as error:
        raise SetupError(f"cannot write to the data folder: {error}: set data_dir to a folder with room") from error
    with out:
        # A group of its own: a Ctrl-C of the terminal is ours, and we stop it in order.
        child = subprocess.Popen(  # noqa: S603 - the command is ours
            [*OPECOM, "up"], stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _wait(child: subprocess.Popen[bytes], addresses: tuple[ProbeAddress, ...], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not all(is_ready(address) for address in addresses):
        if child.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise SetupError(lines[-1].removeprefix("opecom: ") if lines else "`opecom up` ended without a word")
        if time.monotonic() > until:
            raise AwayError(f"the system did not get ready in {START_SECONDS:.0f} s: see the logs in {log.parent}")
        time.sleep(EVERY)
