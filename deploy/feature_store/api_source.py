"""The query API as the source of an export."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from deploy.terminal.query_client import QueryApi, read
from storage.feature_store.days import FeatureDays


@dataclass(frozen=True, slots=True)
class ApiFeatureSource:
    """Days and rows of one site; raises AwayError and RefusedReadError."""

    api: QueryApi
    key: str
    site: str

    def days(self, since: int | None, until: int) -> FeatureDays:
        params = {"site": self.site, "from": None if since is None else _iso(since), "to": _iso(until)}
        return msgspec.json.decode(read(self.api, "/admin/features/days", {**params}, self.key), type=FeatureDays)

    def rows(self, since: int, until: int, part: int, parts: int) -> bytes:
        window = {"site": self.site, "from": _iso(since), "to": _iso(until)}
        return read(self.api, "/admin/features/rows", {**window, "part": part, "parts": parts}, self.key)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
