"""Page counts and score counts of a site, kept in memory: what ClickHouse counts for a running system.

The definitions are those of storage/pages/tally.py and storage/pages/score_counts.py.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from storage.pages.score_counts import ScoreCounts
from storage.pages.site_rows import EVENTS, ScoreCount
from storage.pages.tally import DAY_MS, Tallies, Tally
from stream.fold.path_patterns import PathPatterns
from stream.scored import Identity, ScoredSession, SessionUpdate, View, identity_of

#: Decimals of a probability that is counted.
DIGITS = 3


class CountedPages(Tallies):
    """Pages over the closed sessions of one site."""

    def __init__(self, site: str) -> None:
        super().__init__(client=None, patterns=dict[str, PathPatterns])
        self._site = site
        #: The page views of open sessions by the id of their event.
        self._open: dict[Identity, dict[str, View]] = {}
        #: By the day of a session's opening and the path: views, sessions, entrances, exits, bounces, value.
        self._days: dict[int, dict[str, list[float]]] = {}

    def take(self, updates: Iterable[SessionUpdate]) -> None:
        """Count the closed sessions among these updates, which follow all earlier ones."""
        for update in updates:
            views = self._open.setdefault(identity_of(update), {})
            for view in update.views:
                views[view.event_id] = view
            if update.status == "closed":
                del self._open[identity_of(update)]
                self._add(update, sorted(views.values(), key=lambda view: (view.viewed_at, view.event_id)))

    def since(self, opened_at: int, site: str = "") -> list[Tally]:
        """See Tallies."""
        first = max(opened_at, 0) // DAY_MS
        total: dict[str, list[float]] = {}
        for day, paths in self._days.items():
            if day >= first:
                for path, counts in paths.items():
                    known = total.setdefault(path, [0.0] * len(counts))
                    total[path] = [one + other for one, other in zip(known, counts, strict=True)]
        if site not in ("", self._site):
            return []
        return [_tally(self._site, path, counts) for path, counts in sorted(total.items())]

    def recount(self, opened_at: int) -> None:
        """All is counted as it comes."""

    def _add(self, update: SessionUpdate, views: Sequence[View]) -> None:
        paths = self._days.setdefault(update.opened_at // DAY_MS, {})
        bought_at = max([order.at for order in update.orders], default=-1)
        first_at: dict[str, int] = {}
        for place, view in enumerate(views):
            counts = paths.setdefault(view.path, [0.0] * 6)
            counts[0] += 1
            counts[1] += view.path not in first_at
            counts[2] += place == 0
            counts[3] += place == len(views) - 1
            counts[4] += len(views) == 1
            first_at.setdefault(view.path, view.viewed_at)
        for path, at in first_at.items():
            if bought_at >= at:
                paths[path][5] += update.amount


def _tally(site: str, path: str, counts: Sequence[float]) -> Tally:
    views, sessions, entrances, exits, bounces = map(int, counts[:-1])
    return Tally(site, path, views, sessions, entrances, exits, bounces, counts[-1])


class CountedScores(ScoreCounts):
    """Scores of one site by one model; a session counts once for each number of EVENTS and each probability."""

    def __init__(self) -> None:
        super().__init__(client=None)
        self._tallied: Counter[tuple[int, float]] = Counter()
        #: In the order of the sessions' opening, nearly: when it opened, and what it counts for.
        self._known: deque[tuple[int, tuple[int, float]]] = deque()
        self._open: dict[Identity, set[tuple[int, float]]] = {}
        self._site = self._model = ""

    def take(self, records: Iterable[ScoredSession]) -> None:
        """Count these scores, which follow all earlier ones."""
        for record in records:
            identity = identity_of(record)
            if record.status == "closed":
                self._open.pop(identity, None)
                continue
            self._site, self._model = record.site, record.model_version
            place = bisect_right(EVENTS, record.counts.events) - 1
            counted = EVENTS[place], round(record.probability, DIGITS)
            of_session = self._open.setdefault(identity, set())
            if counted not in of_session:
                of_session.add(counted)
                self._tallied[counted] += 1
                self._known.append((record.opened_at, counted))

    def since(self, opened_at: int, sites: Sequence[str], fresh: bool = False) -> Sequence[ScoreCount]:
        """See ScoreCounts; a time once asked for, nothing before it counts again."""
        while self._known and self._known[0][0] < opened_at:
            self._tallied[self._known.popleft()[1]] -= 1
        return [
            ScoreCount(self._site, self._model, events, probability, sessions)
            for (events, probability), sessions in sorted(self._tallied.items())
            if sessions and self._site in sites
        ]
