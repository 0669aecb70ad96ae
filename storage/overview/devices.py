"""Sessions by the kind of device, which ClickHouse alone keeps. SQL and its reading."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from storage.overview.timeline import BOUGHT, BY_SESSION, IDENTITY, IN_ORDER, UPDATES

# Without a device are sessions of before there were signals, and those whose user agent does not show one.
DEVICES = f"""
SELECT device, toInt64(count()), toInt64(sum(reported)), groupArrayIf(identity, bought) FROM (
    SELECT argMax(ifNull(device_class, ''), version) AS device, {BOUGHT} AS bought, {IDENTITY} AS identity,
           argMax(unverified_purchases, version) AS reported
    {UPDATES} {BY_SESSION}
) GROUP BY device ORDER BY device {IN_ORDER}
"""  # noqa: S608  our names


class DeviceCount(NamedTuple):
    """Sessions of a kind of device, and which of them bought, as timeline.IDENTITY writes them."""

    device: str
    sessions: int
    unverified: int
    buyers: tuple[str, ...]


def device_counts(rows: Iterable[Any]) -> list[DeviceCount]:
    """The rows of DEVICES."""
    return [
        DeviceCount(str(device), sessions, unverified, tuple(sorted(buyers)))
        for device, sessions, unverified, buyers in rows
    ]
