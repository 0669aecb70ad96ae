"""What became of the rows of an import, and where those are named that are no events."""

import re
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec
from msgspec import Struct

from deploy.imports.errors import RowRefusedError

#: Reasons that are counted apart; rows of further ones are counted together.
MOST_REASONS = 40
OTHER_REASONS = "other reasons"
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|-?\b\d[\d.,:TZ+-]*")


class ImportAccount(Struct):
    """Counts of rows: `rows` = events + duplicates + left_out + refused. Times in ms UTC, of what is sent."""

    rows: int = 0
    events: int = 0
    duplicates: int = 0
    left_out: dict[str, int] = {}
    refused: dict[str, int] = {}
    #: Events before the time at which an earlier import of the site ended.
    passed: int = 0
    first_at: int | None = None
    last_at: int | None = None

    def add(self, refusal: RowRefusedError) -> None:
        """Count a row that is no event."""
        reasons = self.left_out if refusal.left_out else self.refused
        reason = _VALUES.sub("…", refusal.reason)[:120]
        if reason not in reasons and len(reasons) >= MOST_REASONS:
            reason = OTHER_REASONS
        reasons[reason] = reasons.get(reason, 0) + 1


class RejectedRow(Struct):
    """A line of the file of rejected rows."""

    file: str
    number: int
    left_out: bool
    reason: str


class Rejects:
    """Writes each row that is no event, with its reason, and counts it."""

    def __init__(self, path: Path, account: ImportAccount) -> None:
        self._path = path
        self._account = account
        self._encoder = msgspec.json.Encoder()
        self._file: IO[bytes]

    def __enter__(self) -> "Rejects":
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, file: Path, number: int, refusal: RowRefusedError) -> None:
        self._account.add(refusal)
        row = RejectedRow(str(file), number, refusal.left_out, refusal.reason.encode(errors="replace").decode())
        self._file.write(self._encoder.encode(row) + b"\n")


def first_rejects(path: Path, most: int) -> list[RejectedRow]:
    """The first refused rows, without those that were left out."""
    found: list[RejectedRow] = []
    decoder = msgspec.json.Decoder(RejectedRow)
    with path.open("rb") as lines:
        for line in lines:
            if len(found) >= most:
                break
            row = decoder.decode(line)
            if not row.left_out:
                found.append(row)
    return found
