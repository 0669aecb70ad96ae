"""From counts to statistics: rates smoothed towards the site's mean, so that a page of few visits says little. Pure.

With n visits a page's rate is (count + WEIGHT x mean) / (n + WEIGHT): the mean of a beta distribution whose prior is
the site's rate with the weight of WEIGHT visits (additive smoothing).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from storage.pages.tally import Tally
from stream.fold.pages import ANY_PATH, PageRow

#: Visits that the site's mean weighs as much as.
WEIGHT = 20
#: Decimals of a rate and of a value.
RATE_DIGITS, VALUE_DIGITS = 6, 4
#: A page is written again when a rate moved by this, or its value by this and by this share of it.
RATE_MOVED, VALUE_MOVED, VALUE_SHARE = 0.0005, 0.01, 0.01

#: (site, path)
Place = tuple[str, str]


class Means(NamedTuple):
    """A site's own rates: of its entrances, of its views, and its value per visit of a page."""

    bounce_rate: float
    exit_rate: float
    page_value: float


def means(tallies: Sequence[Tally]) -> Means:
    """The means of one site."""
    entrances, views, sessions = (sum(getattr(t, name) for t in tallies) for name in ("entrances", "views", "sessions"))
    return Means(
        sum(t.bounces for t in tallies) / max(entrances, 1),
        sum(t.exits for t in tallies) / max(views, 1),
        sum(t.value for t in tallies) / max(sessions, 1),
    )


def smoothed(tally: Tally, mean: Means) -> PageRow:
    """The statistics of one page; the name of the batch is still to be set."""
    return PageRow(
        "",
        tally.site,
        tally.path,
        round((tally.bounces + WEIGHT * mean.bounce_rate) / (tally.entrances + WEIGHT), RATE_DIGITS),
        round((tally.exits + WEIGHT * mean.exit_rate) / (tally.views + WEIGHT), RATE_DIGITS),
        round((tally.value + WEIGHT * mean.page_value) / (tally.sessions + WEIGHT), VALUE_DIGITS),
    )


def rows(tallies: Iterable[Tally], known: Iterable[Place] = ()) -> list[PageRow]:
    """The statistics of all pages, and each site's means as those of any other page.

    `known` are pages that had statistics: one that nobody visited any more has the site's means.
    """
    made: dict[Place, PageRow] = {}
    for site, group in groupby(sorted(tallies, key=attrgetter("site", "path")), key=attrgetter("site")):
        of_site = list(group)
        mean = means(of_site)
        made.update(((t.site, t.path), smoothed(t, mean)) for t in of_site)
        for _, path in (place for place in known if place[0] == site):
            made.setdefault((site, path), smoothed(Tally(site, path, 0, 0, 0, 0, 0, 0.0), mean))
        made[site, ANY_PATH] = smoothed(Tally(site, ANY_PATH, 0, 0, 0, 0, 0, 0.0), mean)
    return list(made.values())


def changed(made: Iterable[PageRow], known: Mapping[Place, PageRow]) -> list[PageRow]:
    """Those that differ from what is in force by more than it takes to write them again."""
    return [row for row in made if _moved(row, known.get((row.site, row.path)))]


def _moved(row: PageRow, known: PageRow | None) -> bool:
    if known is None:
        return True
    value = abs(row.page_value - known.page_value)
    return (
        abs(row.bounce_rate - known.bounce_rate) >= RATE_MOVED
        or abs(row.exit_rate - known.exit_rate) >= RATE_MOVED
        or value >= max(VALUE_MOVED, VALUE_SHARE * known.page_value)
    )
