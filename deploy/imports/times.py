"""When something happened, as files write it, in ms UTC."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from deploy.imports.errors import RowRefusedError

#: Formats that are numbers since 1970: how many of them are a millisecond (negative: how many ms one of them is).
EPOCHS = {"seconds": -1000, "milliseconds": 1, "microseconds": 1000, "nanoseconds": 1_000_000}
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


class TimeFormat(Struct, frozen=True):
    """How a file writes times: `auto` (ms since 1970, or ISO 8601), one of EPOCHS, or a pattern of strptime.

    zone: of times that name none themselves; None: UTC where a column is of type timestamp, and no text may lack one.
    """

    pattern: str = "auto"
    zone: tzinfo | None = None

    def millis(self, value: Any, field: str) -> int:
        """The time in ms UTC; raises RowRefusedError that names the field."""
        try:
            return self._millis(value)
        except (ValueError, OverflowError, TypeError):
            raise RowRefusedError(f"{field}: {str(value)[:40]!r} is no time ({self._expected()})") from None

    def _millis(self, value: Any) -> int:
        if isinstance(value, datetime):
            zoned = value if value.tzinfo else value.replace(tzinfo=self.zone or UTC)
            return (zoned - _EPOCH) // _MILLISECOND
        if isinstance(value, bool):
            raise TypeError
        if self.pattern in EPOCHS:
            return _scaled(value, EPOCHS[self.pattern])
        if isinstance(value, int | float):
            return int(value)
        text = str(value).strip()
        if self.pattern == "auto":
            return int(text) if text.isdecimal() else self._moment(datetime.fromisoformat(text))
        return self._moment(datetime.strptime(text, self.pattern))

    def _moment(self, read: datetime) -> int:
        if read.tzinfo is None:
            if self.zone is None:
                raise ValueError
            read = read.replace(tzinfo=self.zone)
        return (read - _EPOCH) // _MILLISECOND

    def _expected(self) -> str:
        if self.pattern == "auto":
            return "milliseconds since 1970, or ISO 8601" + ("" if self.zone else " with a zone")
        return self.pattern


def _scaled(value: Any, per_millisecond: int) -> int:
    if per_millisecond < 0:
        return round(float(value) * -per_millisecond)
    return int(value) // per_millisecond


def zone_of(name: str) -> tzinfo:
    """The zone of this IANA name; raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name[:40]!r} is no time zone: give an IANA name, such as Europe/Vienna") from None
