"""Where rows to learn from come from, and how they are sent: fixed width, as ClickHouse's RowBinary has them."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import SESSION
from scoring.learning.rows import LearningRows

#: The header of an answer that names the models whose scores are stored of its rows, and how many it names at most.
MODELS_HEADER, MOST_MODELS = "X-OPECOM-Models", 20
#: What is sent of a row.
ROW = np.dtype(
    [
        ("session", "<u8"),
        ("opened_at", "<i8"),
        ("events", "<u4"),
        ("bought", "u1"),
        ("live", "<f8"),
        ("features", "<f4", (len(SESSION.names),)),
    ]
)


class RowSelection(NamedTuple):
    """The site and the time in which its sessions opened, ms UTC; whether sessions of programs and runs of imports
    (`site~run`) are among them.
    """

    site: str
    since: int
    until: int
    bots: bool = False
    imports: bool = False


class SelectedRows(NamedTuple):
    """`versions`: the models whose scores are stored of these rows, that of the most rows first; `blocks`: the rows in
    the order of the sessions' opening, read as they are asked for."""

    versions: list[str]
    blocks: Iterator[LearningRows]


class RowSource(Protocol):
    """The timeline in the database, or an API that reads it."""

    def read(self, selection: RowSelection) -> SelectedRows:
        """Blocking, the blocks too."""
        ...


def decoded(raw: bytes) -> LearningRows:
    """The rows of these bytes, which end with a whole row."""
    table: NDArray[Any] = np.frombuffer(raw, ROW)
    return LearningRows(
        np.ascontiguousarray(table["features"]),
        table["session"].copy(),
        table["opened_at"].copy(),
        table["events"].astype(np.int64),
        table["bought"].astype(np.bool_),
        table["live"].copy(),
    )


def decoded_parts(parts: Iterable[bytes]) -> Iterator[LearningRows]:
    """The rows of bytes that are cut anywhere; raises ValueError where the last row is not whole."""
    left = b""
    for part in parts:
        left += part
        whole = len(left) - len(left) % ROW.itemsize
        if whole:
            yield decoded(left[:whole])
            left = left[whole:]
    if left:
        raise ValueError(f"the rows end {len(left)} bytes into one of {ROW.itemsize}")
