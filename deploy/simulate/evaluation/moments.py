"""Three moments of a site's first days, each as if it lasted: all sessions scored with the statistics of then.

Before there are statistics, or an hour later, a shop has few sessions; so many must be scored for a statement.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from deploy.simulate.evaluation.pipeline import LogLine, Score, ShopPipeline, log_line
from deploy.simulate.evaluation.samples import NUMBERS, Samples, Truths
from deploy.simulate.evaluation.site import frozen
from deploy.simulate.shop.visit import ShopVisit
from ingest.events import UsePages
from stream.fold.calendar import Calendar, Calendars
from stream.fold.pages import Row
from stream.step import ModelLoader

#: When the statistics of a moment are taken, in hours after the first session's beginning.
MOMENTS = {"no statistics": 0, "an hour": 1, "a day later": 25}
#: Records that are folded at a time.
BATCH = 2_000


def beginnings(visits: Iterable[ShopVisit]) -> list[LogLine]:
    """The events of all visits up to the last one that is looked at, as lines of a log that has one record before."""
    events = [event for visit in visits for event in islice(visit.events(), NUMBERS[-1])]
    events.sort(key=lambda event: event.received_at)
    return [log_line(offset, event) for offset, event in enumerate(events, 1)]


def at_moment(
    lines: Sequence[LogLine],
    known: Truths,
    calendar: Calendar,
    rows: Sequence[Row],
    score: Score,
    models: ModelLoader,
) -> Samples:
    """Score the beginnings with statistics that have these rows."""
    statistics = frozen(rows)
    pipeline = ShopPipeline(statistics, Calendars({}, lambda: calendar), score, models)
    samples = Samples(known)
    pipeline.append([UsePages(statistics.version)])
    for batch in _batches(lines):
        updates = [update for update in pipeline.fold(batch) if update.record.counts.events in NUMBERS]
        for scored in pipeline.scored(updates):
            samples.take(scored.record)
    return samples


def _batches(lines: Iterable[LogLine]) -> Iterator[list[LogLine]]:
    waiting = iter(lines)
    while batch := list(islice(waiting, BATCH)):
        yield batch
