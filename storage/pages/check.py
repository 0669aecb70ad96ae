"""What a refresh may not put in force by itself: statistics of well-visited pages that move too far within a day. Pure.

Whoever sends sessions from very many networks moves the statistics of a page, and so does a change of the shop; only
people can say which it is. The write key is public and sales are signed, so rates can be moved anywhere, and values
only down, by sessions that buy nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from storage.pages.smooth import WELL_VISITED, Place
from stream.fold.pages import ANY_PATH, HeldPages, PageRow

#: A value counts as fallen when the sessions of the page grew to this many times of before, and it fell by at least
#: this part of the site's mean: the value of a page that sells nothing is the mean's, and falls as it is visited.
GROWN, OF_MEAN = 1.5, 0.5


def held_back(
    rows: Iterable[PageRow],
    compared_with: Callable[[PageRow], Iterable[PageRow]],
    known: Mapping[Place, PageRow],
    most: float,
) -> list[HeldPages]:
    """The sites of which a row moves a rate by more than `most`, or a value down by more than twice that share, each
    with the page that moves furthest; `known` are the rows in force."""
    found: dict[str, tuple[float, HeldPages]] = {}
    for row in rows:
        mean = known.get((row.site, ANY_PATH))
        for before in compared_with(row):
            for rate, part in _moves(row, before, mean.page_value if mean is not None else 0.0, most):
                if part > found.get(row.site, (1.0,))[0]:
                    numbers = (getattr(before, rate), getattr(row, rate), before.sessions, row.sessions)
                    found[row.site] = part, HeldPages(row.site, row.path, rate, *numbers)
    return [held for _, held in found.values()]


def _moves(row: PageRow, before: PageRow, mean: float, most: float) -> Sequence[tuple[str, float]]:
    """How far each rate moves, in parts of what it may: what moves because sessions left the count is no matter."""
    if row.shared or before.sessions < WELL_VISITED or row.sessions <= before.sessions:
        return ()
    moves = [(rate, abs(getattr(row, rate) - getattr(before, rate)) / most) for rate in ("bounce_rate", "exit_rate")]
    fallen = before.page_value - row.page_value
    if row.sessions >= GROWN * before.sessions and fallen > OF_MEAN * mean and before.page_value > 0:
        moves.append(("page_value", fallen / before.page_value / (2 * most)))
    return moves
