"""The embedded system under many events: its memory has a bound, and nothing is lost while brokers make room."""

import json
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.support.restarted import RestartedSystem
from tests.support.stack import new_stack

FAST = {"OPECOM_INGEST__ADDRESS_RATE_PER_SECOND": "1000000", "OPECOM_INGEST__KEY_RATE_PER_SECOND": "1000000"}
#: Memory that all processes of the system may take together, in MB.
MOST_MB = 1_500
#: Events of a generated session, about, and seconds between two looks.
EVENTS_OF_A_SESSION, LOOK = 18.0, 2.0


class MemoryWatch:
    """The memory of a process and of all beneath it, each page counted once, while the body runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        #: By second the megabytes of each part.
        self.samples: list[tuple[float, dict[str, float]]] = []

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak(self) -> float:
        return max(sum(sample.values()) for _, sample in self.samples)

    def line(self) -> str:
        """The peak of all and of each part, and the means of the four quarters of the time."""
        parts = {name for _, sample in self.samples for name in sample}
        peaks = {name: max(sample.get(name, 0) for _, sample in self.samples) for name in sorted(parts)}
        size = max(len(self.samples) // 4, 1)
        quarters = [self.samples[at : at + size] for at in range(0, 4 * size, size)]
        means = [sum(sum(sample.values()) for _, sample in each) / len(each) for each in quarters if each]
        return (
            f"peak {self.peak:.0f} MB; by part {', '.join(f'{name} {peak:.0f}' for name, peak in peaks.items())}; "
            f"means of the quarters {', '.join(f'{mean:.0f}' for mean in means)}"
        )

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(LOOK):
            sample: dict[str, float] = {}
            try:
                supervisor = psutil.Process(self._pid)
                for process in (supervisor, *supervisor.children(recursive=True)):
                    words = process.cmdline()
                    name = "supervisor" if process == supervisor else words[-1] if "run" in words else process.name()
                    sample[name] = sample.get(name, 0) + process.memory_full_info().pss / 1e6
            except psutil.NoSuchProcess:
                continue
            self.samples.append((time.monotonic() - began, sample))


@pytest.mark.long
@pytest.mark.parametrize("events", [500_000, 10_000_000])
def test_memory_is_bounded_and_nothing_is_lost(events: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sessions = round(events / EVENTS_OF_A_SESSION)
    system = RestartedSystem(new_stack(tmp_path, **FAST), parts_forked=False)
    with system.ended():
        system.start()
        assert system.pid is not None
        began = time.monotonic()
        options = ["--sessions", str(sessions), "--seed", "7", "--days", "30", "--json"]
        with MemoryWatch(system.pid) as memory:
            done = system.stack.opecom("simulate", "shop", *options, seconds=events / 50)
            seconds = time.monotonic() - began
        brokers = system.output.count("a new one takes over")
        system.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{counts['events']:,} events in {seconds:.0f} s, {brokers} brokers made room; {memory.line()}")
    assert (counts["sessions"], counts["differences"]) == (sessions, 0)
    assert counts["events"] > events * 0.8
    assert memory.peak < MOST_MB
    assert brokers > 0
