"""From counts to statistics: rates smoothed towards the site's mean, so that a page of few visits says little. Pure.

With n visits a page's rate is (count + WEIGHT x mean) / (n + WEIGHT): the mean of a beta distribution whose prior is
the site's rate with the weight of WEIGHT visits (additive smoothing).
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from storage.pages.tally import Tally
from stream.fold.pages import ANY_PATH, MOST_PAGES, PageRow
from stream.fold.path_patterns import PathPatterns

#: Visits that the site's mean weighs as much as.
WEIGHT = 20
#: Sessions below which a page has no statistics of its own: with WEIGHT, it would be the site's for four fifths.
FEW = 5
#: Sessions from which on a page's statistics are not to move far at once; a row says how many it has when they double.
WELL_VISITED = 100
#: Decimals of a rate and of a value.
RATE_DIGITS, VALUE_DIGITS = 6, 4
#: A page is written again when a rate moved by this, or its value by this and by this share of it.
RATE_MOVED, VALUE_MOVED, VALUE_SHARE = 0.0005, 0.01, 0.01

#: (site, path)
Place = tuple[str, str]
NO_ROWS: Mapping[Place, PageRow] = MappingProxyType({})
NO_PATTERNS: Mapping[str, PathPatterns] = MappingProxyType({})


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
        sessions=tally.sessions,
    )


def rows(
    tallies: Iterable[Tally],
    known: Mapping[Place, PageRow] = NO_ROWS,
    patterns: Mapping[str, PathPatterns] = NO_PATTERNS,
    whole: bool = False,
) -> list[PageRow]:
    """The statistics of all pages that have their own, each site's means as those of any other page, and the rows that
    end what pages have.

    `known` are the rows in force. A page ends when it has few visits left, falls under a pattern or is one that is no
    longer given, when its place is needed, and, with `whole`, when nobody visits it any more.
    """
    made: list[PageRow] = []
    for site, group in groupby(sorted(tallies, key=attrgetter("site", "path")), key=attrgetter("site")):
        of_site = list(group)
        mean = means(of_site)
        mine = {path: row for (name, path), row in known.items() if name == site and path != ANY_PATH}
        own = _chosen(of_site, mine, patterns.get(site))
        counted = {tally.path for tally in of_site}
        made += [_named(smoothed(tally, mean), patterns.get(site)) for tally in own]
        names = {tally.path for tally in own}
        crowded = len(names | mine.keys()) > MOST_PAGES
        for path, row in mine.items():
            ends = whole or crowded or path in counted or _is_stale(row, patterns.get(site))
            if path not in names and ends:
                made.append(msgspec.structs.replace(smoothed(_none(site, path), mean), shared=True))
        # Each session has one entrance.
        everybody = sum(tally.entrances for tally in of_site)
        made.append(msgspec.structs.replace(smoothed(_none(site, ANY_PATH), mean), sessions=everybody))
    return made


def _chosen(tallies: Sequence[Tally], known: Container[str], patterns: PathPatterns | None) -> list[Tally]:
    """The pages that have statistics of their own: those of patterns, and the most visited ones.

    One that is new takes the place of one that has its own only with twice the visits, so that made-up paths of few
    visits each cannot take turns.
    """
    texts = _texts(patterns)
    fit = [each for each in tallies if each.path in texts or (each.sessions >= FEW and each.path != ANY_PATH)]
    fit.sort(key=lambda each: (each.path not in texts, -each.sessions * (2 if each.path in known else 1), each.path))
    return fit[:MOST_PAGES]


def _is_stale(row: PageRow, patterns: PathPatterns | None) -> bool:
    """Whether the row is that of a pattern which is no longer given, or of a page that falls under one."""
    if row.pattern:
        return row.path not in _texts(patterns)
    return patterns is not None and patterns.of(row.path) is not None


def _named(row: PageRow, patterns: PathPatterns | None) -> PageRow:
    return msgspec.structs.replace(row, pattern=True) if row.path in _texts(patterns) else row


def _texts(patterns: PathPatterns | None) -> frozenset[str]:
    return patterns.texts if patterns is not None else frozenset()


def _none(site: str, path: str) -> Tally:
    return Tally(site, path, 0, 0, 0, 0, 0, 0.0)


def changed(made: Iterable[PageRow], known: Mapping[Place, PageRow]) -> list[PageRow]:
    """Those that differ from what is in force by more than it takes to write them again."""
    return [row for row in made if _moved(row, known.get((row.site, row.path)))]


def _moved(row: PageRow, known: PageRow | None) -> bool:
    if known is None or row.shared or row.pattern != known.pattern:
        return True
    value = abs(row.page_value - known.page_value)
    if row.sessions >= max(WELL_VISITED, 2 * known.sessions):
        return True
    return (
        abs(row.bounce_rate - known.bounce_rate) >= RATE_MOVED
        or abs(row.exit_rate - known.exit_rate) >= RATE_MOVED
        or value >= max(VALUE_MOVED, VALUE_SHARE * known.page_value)
    )
