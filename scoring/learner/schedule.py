"""When a site learns, and from which sessions. Pure."""

from typing import Literal, NamedTuple

from msgspec import Struct

from scoring.learner.run import LearnerRun, SiteCounts

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: In a site's first days each doubling of its purchases is a reason to learn.
YOUNG_DAYS = 28
#: Sessions that bought, below which nothing is learned (scoring/learning/split.py).
FEWEST_PURCHASES = 30

Promotion = Literal["auto", "propose", "off"]


class LearnerSettings(Struct, frozen=True, kw_only=True):
    """How often and from how many days; `recent_days`: so many of the newest, after all days.

    `matured_hours`: from so long after its opening on a session counts. `watch_days`: how long a promoted version is
    compared with the one before.
    """

    every_hours: float = 24.0
    days: float = 60.0
    recent_days: float = 5.0
    matured_hours: float = 24.0
    watch_days: float = 14.0
    promotion: Promotion = "propose"


class LearningSpan(NamedTuple):
    """Sessions opened from `since` to before `until`, ms UTC."""

    since: int
    until: int


def all_days(now: int, settings: LearnerSettings) -> LearningSpan:
    """The window of all days."""
    until = matured_until(now, settings)
    return LearningSpan(max(0, until - int(settings.days * DAY_MS)), until)


def matured_until(now: int, settings: LearnerSettings) -> int:
    """Sessions that opened before it count."""
    return now - int(settings.matured_hours * HOUR_MS)


def is_due(now: int, counts: SiteCounts, last: LearnerRun | None, settings: LearnerSettings) -> bool:
    """Whether a site with enough purchases learns now; `last` is its last run, which has ended."""
    if counts.purchases < FEWEST_PURCHASES:
        return False
    if last is None or last.purchases < FEWEST_PURCHASES or now - last.started_at >= settings.every_hours * HOUR_MS:
        return True
    is_young = now - counts.first_opened_at < YOUNG_DAYS * DAY_MS
    return is_young and counts.purchases >= 2 * last.purchases


def too_few(counts: SiteCounts) -> str:
    """Why a site does not learn yet, "" where it may."""
    if counts.purchases >= FEWEST_PURCHASES:
        return ""
    return (
        f"{counts.purchases} of {counts.sessions:,} sessions bought, and learning takes {FEWEST_PURCHASES}: "
        "purchases count when your server signs them, or with sites.NAME.count_unverified_purchases"
    )


def second_span(run: LearnerRun, counts: SiteCounts, settings: LearnerSettings) -> LearningSpan | None:
    """The newest days, after all days: after a change they alone know what visitors do.

    Also where the gate let pass what all days taught: some days after a change that is a little better than what is in
    force, and what the newest teach much better. None where all days taught nothing that the gate judged, they were
    learned from already, or the site has no older days.
    """
    since = run.until - int(settings.recent_days * DAY_MS)
    is_judged = run.step in ("refused", "watching")
    if not settings.recent_days or not is_judged or max(run.since, counts.first_opened_at) >= since:
        return None
    return LearningSpan(since, run.until)
