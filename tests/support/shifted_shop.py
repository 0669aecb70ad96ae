"""A generated shop whose visitors behave otherwise from some day on, and that learns by itself day by day.

No broker: events and controls are a log in memory, which the real fold and the real models score as they come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deploy.simulate.evaluation.pipeline import LogLine, ShopPipeline, log_line
from deploy.simulate.ordered import ordered
from deploy.simulate.shop.chain import Shifts, chain
from deploy.simulate.shop.shop import ShopParameters, visits
from deploy.simulate.shop.visit import ShopVisit
from ingest.events import Control, Event, Tick, UseModel
from scoring import registry
from scoring.contracts import SESSION
from scoring.learner.errors import StepFailedError
from scoring.learner.run import SiteCounts
from scoring.learner.schedule import DAY_MS, LearningSpan
from scoring.learning.choose import COST_LIMIT, learn
from scoring.learning.errors import LearningError
from scoring.learning.recalibrated import BaseModel
from scoring.learning.registration import card_of, manifest_of, register
from scoring.learning.report import LearningWindow
from scoring.learning.rows import LearningRows
from scoring.model import Model
from scoring.shadow.compare import by_event, by_subgroup
from scoring.shadow.gate import GateSettings, refusals
from scoring.shadow.report import ALL, GraphLatency, ShadowReport
from scoring.shadow.rows import ShadowRow, ShadowRows
from stream.fold.calendar import Calendar, Calendars
from stream.fold.pages import PageStatistics
from stream.fold.update import UnscoredUpdate
from stream.step import ScoredUpdate, probabilities, score

SITE = "generated"


@dataclass
class KeptRow:
    """An update before its session's purchase, of a session that goes on; and the truth."""

    session: int
    opened_at: int
    event: int
    update: UnscoredUpdate
    live: float
    truth: float


def shifted_visits(
    a_day: int, days: int, shift_on: int, before: Shifts, after: Shifts, seed: int = 1
) -> list[ShopVisit]:
    """As many sessions each day; from `shift_on` on they behave by `after`."""
    first = visits(ShopParameters(a_day * shift_on, seed, shift_on), clock="live", chain=chain(before))
    rest = visits(
        ShopParameters(a_day * (days - shift_on), seed + 1, days - shift_on), clock="live", chain=chain(after)
    )
    for visit in rest:
        visit.start += shift_on * DAY_MS
        visit.number += len(first)
        visit.session_id, visit.visitor_id = f"session-{visit.number:06}", f"after-{visit.visitor_id}"
    return [*first, *rest]


@dataclass
class ShiftedShop:
    """Its life in a log; a LearnerWork on it. `limits`: of the gate."""

    folder: Path
    visits: Sequence[ShopVisit]
    limits: GateSettings
    lines: list[LogLine] = field(default_factory=list)
    scores: list[tuple[str, int, str, float]] = field(default_factory=list)
    rows: list[KeptRow] = field(default_factory=list)
    closed: dict[int, tuple[int, bool]] = field(default_factory=dict)
    puts: list[tuple[int, str]] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        registry.seed(self.folder)
        self.version = registry.current(self.folder)
        self.models: dict[str, Model] = {}
        self.begin = min(visit.start for visit in self.visits) // DAY_MS * DAY_MS
        self._known = {visit.session_id: visit for visit in self.visits}
        self._truths: dict[str, list[float | None]] = {}
        self._pipeline = self.pipeline()

    def pipeline(self) -> ShopPipeline:
        """A worker on the log from its first record on."""
        shipped = registry.current(registry.SHIPPED)
        return ShopPipeline(
            PageStatistics(), Calendars({}, Calendar), score, lambda version: self.model(version or shipped)
        )

    def model(self, version: str) -> Model:
        if version not in self.models:
            self.models[version] = registry.load(self.folder, version)
        return self.models[version]

    def live(self, days: int, each_day: Callable[[int], None]) -> None:
        """The traffic; `each_day` is called with the number of days that are over, when their sessions have closed."""
        day, events = 1, iter(ordered(self.visits))
        gathered: list[Event] = []
        for event in events:
            while event.received_at >= self.begin + day * DAY_MS:
                self._append([*gathered, Tick("live", self.begin + day * DAY_MS)])
                gathered, self.now = [], self.begin + day * DAY_MS
                each_day(day)
                day += 1
                if day > days:
                    return
            gathered.append(event)
        self._append([*gathered, Tick("live", self.begin + (day + 1) * DAY_MS)])

    def replayed(self) -> list[tuple[str, int, str, float]]:
        """The scores of a second worker that folds the same log."""
        pipeline = self.pipeline()
        updates = [update for line in self.lines for update in pipeline.fold([line])]
        return [_score_of(update) for update in pipeline.scored(updates)]

    def counts(self, since: int) -> SiteCounts:
        chosen = [each for each in self.closed.values() if each[0] >= since]
        return SiteCounts(SITE, len(chosen), sum(bought for _, bought in chosen), self.begin)

    def in_force(self, site: str) -> str:
        return self.version

    def learn(self, site: str, span: LearningSpan) -> str:
        rows, base = self._learning_rows(span), self.version
        manifest = registry.manifest(self.folder, base)
        foreign = manifest.training_shop is not None and manifest.training_shop.site != SITE
        try:
            learned = learn(
                rows, BaseModel(manifest, registry.graph_of(self.folder, base), foreign), "auto", COST_LIMIT
            )
        except LearningError as error:
            raise StepFailedError(str(error)) from error
        window = LearningWindow(SITE, span.since, span.until, False, False)
        day = f"2026-01-{1 + (self.now - self.begin) // DAY_MS:02}"
        manifest = manifest_of(learned, window, rows.sha256(), day)
        register(learned, manifest, card_of(learned, manifest, window), self.folder)
        return manifest.version

    def shadow(self, site: str, version: str, against: str, span: LearningSpan) -> ShadowReport:
        manifest = registry.manifest(self.folder, version)
        fitted = None if manifest.fitted_on is None else manifest.fitted_on.until
        chosen = [row for row in self._rows_of(span) if fitted is None or row.opened_at >= fitted]
        given = {name: self.probabilities(name, chosen) for name in (version, against)}
        rows, first = ShadowRows(), 0
        for last in range(1, len(chosen) + 1):
            if last == len(chosen) or chosen[last].session != chosen[first].session:
                session = chosen[first]
                places = range(first, last)
                found = [
                    ShadowRow(chosen[p].event, given[against][p], given[version][p], ("all",), False, against)
                    for p in places
                ]
                rows.add((SITE, str(session.session), session.opened_at), self.closed[session.session][1], found)
                first = last
        columns = rows.columns()
        figures, (since, until) = by_event(columns), rows.span or (0, 0)
        return ShadowReport(
            candidate=version,
            sha256=manifest.sha256,
            live={against: 1.0},
            site=SITE,
            since=since,
            until=until,
            fitted_until=fitted,
            sessions=figures[ALL].sessions,
            buyers=figures[ALL].buyers,
            updates=len(columns.event),
            left_open=0,
            kept=rows.kept,
            by_event=figures,
            subgroups=by_subgroup(columns),
            calibration={},
            movers=[],
            latency=dict.fromkeys(("live", "candidate"), GraphLatency(10.0, 2.0)),
        )

    def refusals(self, report: ShadowReport) -> Sequence[str]:
        return refusals(report, registry.manifest(self.folder, report.candidate), self.limits)

    def promote(self, site: str, version: str) -> None:
        self.version = version
        self.puts.append(((self.now - self.begin) // DAY_MS, version))
        self._append([UseModel(version)])

    def roll_back(self, site: str, before: str) -> None:
        self.promote(site, before)

    def losses(self, since: int, until: int) -> tuple[float, float]:
        """The mean log-loss against the truth itself, of live scores and of the truth, on days [since, until)."""
        span = LearningSpan(self.begin + since * DAY_MS, self.begin + until * DAY_MS)
        chosen = [row for row in self._rows_of(span) if 0 < row.truth < 1]
        truth = np.array([row.truth for row in chosen])
        weight = 1 / np.array([row.event for row in chosen])
        pair = (np.array([row.live for row in chosen]), truth)
        live, best = (float(np.average(-truth * np.log(p) - (1 - truth) * np.log(1 - p), weights=weight)) for p in pair)
        return live, best

    def probabilities(self, version: str, rows: Sequence[KeptRow]) -> list[float]:
        """What a version gives these rows, as it would have live."""
        model = self.model(version)
        return [found for _, found, _ in probabilities([row.update for row in rows], lambda _: model)]

    def _append(self, records: Sequence[Event | Control]) -> None:
        lines = [log_line(offset, record) for offset, record in enumerate(records, len(self.lines))]
        self.lines += lines
        updates = self._pipeline.fold(lines)
        for update, scored in zip(updates, self._pipeline.scored(updates), strict=True):
            self.scores.append(_score_of(scored))
            self._keep(update, scored)

    def _keep(self, update: UnscoredUpdate, scored: ScoredUpdate) -> None:
        record = scored.record
        visit = self._known[record.session_id]
        if record.event.id is None:
            self._truths.pop(record.session_id, None)
            self.closed[visit.number] = record.opened_at, record.revenue
            return
        truths = self._truths.get(record.session_id)
        if truths is None:
            truths = self._truths[record.session_id] = [each.truth for each in visit.walk()]
        truth = truths[record.counts.events - 1]
        if truth is not None and not record.revenue:
            row = KeptRow(visit.number, record.opened_at, record.counts.events, update, record.probability, truth)
            self.rows.append(row)

    def _rows_of(self, span: LearningSpan) -> list[KeptRow]:
        """Of closed sessions that opened in the span, session by session."""
        chosen = [row for row in self.rows if span.since <= row.opened_at < span.until and row.session in self.closed]
        return sorted(chosen, key=lambda row: (row.opened_at, row.session, row.event))

    def _learning_rows(self, span: LearningSpan) -> LearningRows:
        chosen = self._rows_of(span)
        return LearningRows(
            SESSION.rows([row.update.record for row in chosen]),
            np.array([row.session for row in chosen], np.uint64),
            np.array([row.opened_at for row in chosen], np.int64),
            np.array([row.event for row in chosen], np.int64),
            np.array([self.closed[row.session][1] for row in chosen], np.bool_),
            np.array([row.live for row in chosen]),
        )


def _score_of(update: ScoredUpdate) -> tuple[str, int, str, float]:
    record = update.record
    return record.session_id, record.counts.events, record.event.id or "", record.probability
