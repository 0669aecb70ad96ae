"""How commands and parts import their libraries."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import within it: the garbage collector would walk what is imported again and again, for a quarter of the time.

    Afterwards it leaves out what is there by then, which stays until the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
