"""Runs `opecom` with orders from outside: `python -m deploy.chaos.launcher ORDERS PLANTED run worker`.

At SIGUSR2 it reads the file ORDERS, a JSON object, and obeys: {"point": NAME, "passage": N} ends the process by SIGKILL
at the N-th passage of a named point (points.py); {"drop": 1} lets the Kafka client lose what it fetches next; {"clock":
S} puts the part's `time.time()` S seconds beside the truth; {"ticks": 0} lets a worker append no more ticks. PLANTED is
the name of a bug to plant (planted.py), - for none. Workers write snapshots often. The product has no switch for any of
it: a part that is started without this file cannot be ordered.
"""

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

#: Records of a partition after which a worker of a run writes a snapshot, and seconds between two.
SNAPSHOT_RECORDS, SNAPSHOT_SECONDS = 1_000, 5.0


class SteppedClock:
    """`time.time`, which an order moves. It stands in its place before anything else is imported."""

    def __init__(self) -> None:
        self._true = time.time
        self.step = 0.0

    def __call__(self) -> float:
        return self._true() + self.step


def obey(orders: Path, clock: SteppedClock) -> None:
    """Carry out the order that the file holds."""
    from deploy.chaos import points

    order = json.loads(orders.read_text())
    if "point" in order:
        points.arm(order["point"], int(order["passage"]))
    if "drop" in order:
        points.drop_next_fetch(sys.argv[-1])
    if "ticks" in order:
        points.stop_ticks()
    if "clock" in order:
        clock.step = float(order["clock"])


def ends_the_log(orders: Path) -> bool:
    """Whether the last order was to append no more ticks: it holds for a worker that starts after it, too."""
    return orders.exists() and "ticks" in json.loads(orders.read_text() or "{}")


def main() -> None:
    orders, planted, *words = sys.argv[1:]
    clock = SteppedClock()
    time.time = clock

    def on_order(number: int, frame: FrameType | None) -> None:
        obey(Path(orders), clock)

    signal.signal(signal.SIGUSR2, on_order)
    if words[-1] == "worker":
        from deploy.chaos.points import hurry_snapshots

        hurry_snapshots(SNAPSHOT_RECORDS, SNAPSHOT_SECONDS)
        if ends_the_log(Path(orders)):
            obey(Path(orders), clock)
    if planted != "-":
        from deploy.chaos.planted import PLANTED

        PLANTED[planted].apply()
    sys.argv = ["opecom", *words]
    from deploy.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
