"""A run of the learner for one site: what it has learned from, how far it is and why. Plain data."""

from typing import Literal

from msgspec import Struct

#: learning, shadowing, promoting and rolling_back are under way, and go on after an interruption; watching: what was
#: promoted is compared with the version before. The others are ends: waiting (nothing could be learned), refused (by
#: the gate), proposed (somebody may promote it), kept (watched long enough), replaced (the learner promoted another),
#: overruled (somebody did), rolled_back, failed (it ended in the middle again and again).
Step = Literal[
    "learning",
    "shadowing",
    "promoting",
    "watching",
    "rolling_back",
    "waiting",
    "refused",
    "proposed",
    "kept",
    "replaced",
    "overruled",
    "rolled_back",
    "failed",
]
UNDER_WAY: tuple[Step, ...] = ("learning", "shadowing", "promoting", "rolling_back")


class LearnerRun(Struct, frozen=True, kw_only=True):
    """Times in ms UTC. The sessions that it learns from opened from `since` to before `until`; `sessions` and
    `purchases`: of the site when it began, in the window of all days.

    `candidate`: what was learned; `before`: the version in force that it was compared with. `looked_at`: when the
    watched version was last compared; `attempts`: how often its step was begun. `reasons`: a line each.
    """

    site: str
    number: int
    step: Step
    started_at: int
    moved_at: int
    since: int
    until: int
    sessions: int
    purchases: int
    candidate: str = ""
    before: str = ""
    promoted_at: int = 0
    looked_at: int = 0
    attempts: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether it has a step to go on with at once."""
        return self.step in UNDER_WAY


class SiteCounts(Struct, frozen=True):
    """What a site has in the window of all days: closed sessions of people, those that bought, the first opening."""

    site: str
    sessions: int
    purchases: int
    first_opened_at: int
