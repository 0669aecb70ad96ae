"""The first days of a generated shop: its traffic scored as a running system would, with a refresh each hour."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from deploy.simulate.evaluation.crossings import Crossings
from deploy.simulate.evaluation.moments import MOMENTS
from deploy.simulate.evaluation.pipeline import Score, ShopPipeline
from deploy.simulate.evaluation.samples import NUMBERS, Samples, Truths
from deploy.simulate.evaluation.site import RefreshedSite
from deploy.simulate.ordered import ordered
from deploy.simulate.shop.visit import ShopVisit
from ingest.events import LIVE_CLOCK, Event, Tick, UsePages
from stream.fold.calendar import Calendar, Calendars
from stream.fold.pages import Row
from stream.fold.update import UnscoredUpdate
from stream.step import ModelLoader

HOUR_MS = 3_600_000


class FirstDays:
    """What comes of scoring live visits of one site in the order of their events.

    `scores` are those of `models`, from which the site learns its bands; `others` scored the same updates and changed
    nothing. `moments` are the rows that were in force then. `sessions`, `buyers` and `events` are counted in closings,
    `not_folded` in what came to no session. In `held_hours` a refresh left the page statistics as they were, as a page
    moved too far.
    """

    def __init__(
        self,
        known: Truths,
        calendar: Calendar,
        site: RefreshedSite,
        score: Score,
        models: ModelLoader,
        others: Mapping[str, ModelLoader],
    ) -> None:
        self.scores = Samples(known)
        self.others = {name: Samples(known) for name in others}
        self.crossings = Crossings()
        self.moments: dict[str, list[Row]] = {}
        self.sessions = self.buyers = self.events = 0
        self.held_hours = 0
        self._pipeline = ShopPipeline(site.statistics, Calendars({}, lambda: calendar), score, models)
        self._site = site
        self._score = score
        self._other_models = others

    @property
    def not_folded(self) -> dict[str, int]:
        return self._pipeline.not_folded

    def run(self, visits: Sequence[ShopVisit]) -> None:
        """Score all of them.

        Each hour begins with: 1 a tick, which closes what has been silent · 2 a refresh · 3 its announcement.
        """
        start = min(visit.start for visit in visits)
        version = 0
        for hour, events in enumerate(_hours(ordered(visits), start)):
            at = start + hour * HOUR_MS
            self._take(self._pipeline.append([Tick(LIVE_CLOCK, at)]))
            refreshed = self._site.refresh(at)
            self.held_hours += bool(refreshed.held)
            if refreshed.version != version:
                version = refreshed.version
                self._pipeline.append([UsePages(version)])
            self.moments.update({name: self._site.rows() for name, hours in MOMENTS.items() if hours == hour})
            self._take(self._pipeline.append(events))
        end = max(visit.start + visit.lasts for visit in visits)
        self._take(self._pipeline.append([Tick(LIVE_CLOCK, end + HOUR_MS)]))

    def _take(self, updates: Sequence[UnscoredUpdate]) -> None:
        records = [scored.record for scored in self._pipeline.scored(updates)]
        self._site.take(records)
        for record in records:
            self.scores.take(record)
            self.crossings.take(record)
            if record.status == "closed":
                self.sessions += 1
                self.buyers += record.revenue
                self.events += record.counts.events
        looked_at = [update for update in updates if update.record.counts.events in NUMBERS]
        for name, models in self._other_models.items():
            for ready in self._score(looked_at, models):
                for other in ready:
                    self.others[name].take(other.record)


def _hours(events: Iterable[Event], start: int) -> Iterator[list[Event]]:
    """The events of each hour since `start`, in order."""
    gathered: list[Event] = []
    until = start + HOUR_MS
    for event in events:
        while event.received_at >= until:
            yield gathered
            gathered, until = [], until + HOUR_MS
        gathered.append(event)
    yield gathered
