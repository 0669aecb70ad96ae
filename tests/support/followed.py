"""The topic of page statistics, followed no further than somebody waits for."""

from stream.fold.pages import PagesMarker, PageStatistics, Row
from stream.required import RequiredVersions


class LazyPages:
    """`statistics` have only the versions that `reached` was asked for; the first record is at offset 1."""

    def __init__(self, *records: Row | PagesMarker) -> None:
        self.statistics = PageStatistics()
        self._left = list(enumerate(records, 1))

    async def reached(self, required: RequiredVersions) -> None:
        while self.statistics.version < required.pages:
            self.statistics.read(*self._left.pop(0))
