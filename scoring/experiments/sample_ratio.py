"""Whether the arms have as many visitors as their shares say. Pure.

A loss of visitors in one arm makes every other figure worthless (Fabijan and others, KDD 2019), so it stops the
reading. Two checks share the stated rate: one that may be looked at every day, the martingale of Lindon and Malek,
"Anytime-valid inference for multinomial count data", NeurIPS 2022, and the chi-square test once, at the planned end,
which finds smaller losses. The hold-out is no arm, and is not given.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.experiments.tails import Floats, chi_square_tail

#: How many experiments without a fault are stopped, by both checks together.
ALARM_RATE = 0.01
#: What the alternative of the martingale is worth in visitors: it expects shares a few hundredths off.
CONCENTRATION = 1_000.0


class SampleRatio(NamedTuple):
    """`found_by`: which check has an alarm, if any. `p`: at any time, or at the end the lesser of both."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    p: float
    found_by: Literal["", "any time", "at the end"]

    @property
    def is_broken(self) -> bool:
        return bool(self.found_by)

    def line(self) -> str:
        """One line for people, where the ratio is broken."""
        counts = " : ".join(f"{each:,}" for each in self.counts)
        expected = " : ".join(f"{each:,.0f}" for each in self.expected)
        return (
            f"the arms have {counts} visitors where {expected} are expected (p = {self.p:.2g}): visitors are lost or "
            "counted twice in one of them, so nothing can be read; find the cause and start a new experiment"
        )


def sample_ratio(daily: NDArray[np.int64], shares: Sequence[float], *, is_over: bool) -> SampleRatio:
    """Check the visitors counted by the end of each day, int64[days, arms], against shares of any sum.

    An alarm of an earlier day stays. `is_over`: the planned end is reached, so the last day has the other check, too.
    """
    share = np.asarray(shares, np.float64) / sum(shares)
    last = daily[-1]
    greatest = max(float(log_evidence(daily, share).max()), 0.0)
    any_time = math.exp(-greatest)
    at_end = chi_square_p(last, share) if is_over else 1.0
    found: Literal["", "any time", "at the end"] = ""
    if any_time <= ALARM_RATE / 2:
        found = "any time"
    elif at_end <= ALARM_RATE / 2:
        found = "at the end"
    expected = tuple((last.sum() * share).tolist())
    return SampleRatio(tuple(last.tolist()), expected, min(any_time, at_end), found)


def chi_square_p(counts: NDArray[np.int64], share: Floats) -> float:
    """Pearson's test of counts by arm; 1 for none."""
    expected = counts.sum() * share
    if not counts.sum():
        return 1.0
    return chi_square_tail(float(((counts - expected) ** 2 / expected).sum()), len(share) - 1)


def log_evidence(counts: NDArray[np.int64], share: Floats) -> Floats:
    """The logarithm of the martingale for counts, int64[..., arms]: Dirichlet-multinomial against multinomial.

    It begins at 0, and under the shares exceeds log(1 / alpha) at any time with probability alpha at most.
    """
    prior = CONCENTRATION * share
    total = counts.sum(-1)
    gained = _log_gamma(prior + counts) - _log_gamma(prior) - counts * np.log(share)
    whole = _log_gamma(np.asarray(CONCENTRATION + total, np.float64)) - math.lgamma(CONCENTRATION)
    return np.asarray(gained.sum(-1) - whole, np.float64)


_lgamma = np.frompyfunc(math.lgamma, 1, 1)


def _log_gamma(given: Floats) -> Floats:
    return np.asarray(_lgamma(given), np.float64)
