"""When the embedded broker, which lets nothing go, has to make room for a new one."""

import asyncio
from collections.abc import Callable

#: Seconds between two looks.
EVERY = 2.0


def resident_bytes(pid: int) -> int:
    """Memory of a process; 0 where it is gone."""
    # Here, as the supervisor imports as little as it can.
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


async def wait_full(
    pid: Callable[[], int | None],
    most_bytes: int,
    resident: Callable[[int], int] = resident_bytes,
    every: float = EVERY,
) -> None:
    """Return once the process holds `most_bytes`, and half as many more than at the first look; 0: never.

    The second part is for a broker that had to be filled with much from the start: replacing it at once, again and
    again, would give the same.
    """
    first = 0
    while True:
        await asyncio.sleep(every)
        number = pid()
        held = resident(number) if number is not None and most_bytes else 0
        first = first or held
        if held and held >= max(most_bytes, first + most_bytes // 2):
            return
