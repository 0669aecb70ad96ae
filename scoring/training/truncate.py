"""Makes beginnings out of whole sessions, because live scores are of beginnings and UCI's rows are whole sessions.

The file does not keep the order of the views, so a beginning is drawn as if they had come in any order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.features import NAMES

COUNTS = [NAMES.index(name) for name in ("Administrative", "Informational", "ProductRelated")]
DURATIONS = [place + 1 for place in COUNTS]
STATISTICS = [NAMES.index(name) for name in ("BounceRates", "ExitRates", "PageValues")]
PAGE_VALUES = NAMES.index("PageValues")


@dataclass(frozen=True)
class Shares:
    """Shares of the rows, 0 to 1: cut short, without page values, without any page statistics."""

    cut: float = 0.3
    without_page_values: float = 0.3
    without_statistics: float = 0.1


def beginnings(rows: NDArray[np.float64], shares: Shares, draw: np.random.Generator) -> NDArray[np.float64]:
    """float64[n, 17]: the same sessions, some of them earlier in their course or at a shop that knows less.

    A cut keeps the first m of n page views, m uniform on 1..n. The kinds of the kept views are drawn without
    replacement (hypergeometric); a kind's seconds shrink with its views, and the last view, which is still open, counts
    for a uniform part of its own. The mean rates of the pages stay. The page that has a value is as likely to come
    after the cut as its place is: PageValues stays with probability m/n and else is 0.
    """
    made = rows.copy()
    _cut(made, draw.random(len(rows)) < shares.cut, draw)
    fate = draw.random(len(rows))
    made[np.ix_(fate < shares.without_statistics, np.array(STATISTICS))] = 0
    made[fate >= 1 - shares.without_page_values, PAGE_VALUES] = 0
    return made


def beginnings_at(rows: NDArray[np.float64], share: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """float64[n, 17]: every session after this share, 0 to 1, of its page views, at least one."""
    made = rows.copy()
    views = made[:, COUNTS].sum(axis=1)
    chosen = views > 1
    _keep(made, chosen, np.maximum(1, np.round(views[chosen] * share)).astype(np.int64), draw)
    return made


def _cut(rows: NDArray[np.float64], chosen: NDArray[np.bool_], draw: np.random.Generator) -> None:
    views = rows[:, COUNTS].sum(axis=1)
    chosen = chosen & (views > 1)
    _keep(rows, chosen, draw.integers(1, views[chosen].astype(np.int64) + 1), draw)


def _keep(
    rows: NDArray[np.float64], chosen: NDArray[np.bool_], kept_views: NDArray[np.int64], draw: np.random.Generator
) -> None:
    counts = rows[chosen][:, COUNTS].astype(np.int64)
    views = counts.sum(axis=1)
    kept = np.empty_like(counts)
    left, to_draw = views.copy(), kept_views.copy()
    for kind in range(len(COUNTS)):
        left -= counts[:, kind]
        kept[:, kind] = draw.hypergeometric(counts[:, kind], left, to_draw)
        to_draw -= kept[:, kind]
    # the open view is of a kind in proportion to the kept views, so each kind loses its share of the unseen part
    seen = kept - draw.random(len(kept))[:, None] * kept / np.maximum(kept_views, 1)[:, None]
    cut = rows[chosen]
    cut[:, COUNTS] = kept
    cut[:, DURATIONS] *= np.where(counts > 0, seen / np.maximum(counts, 1), 1)
    cut[draw.random(len(cut)) >= kept_views / views, PAGE_VALUES] = 0
    rows[chosen] = cut
