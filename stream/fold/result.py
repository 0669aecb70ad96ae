"""What folding brings, and which updates it emits."""

from typing import Literal, Protocol

from stream.fold.session import Session
from stream.fold.update import UnscoredUpdate
from stream.scored import DeadLetter, SessionUpdate

Outcome = Literal["scored", "duplicate", "control", "erased", "undecodable", "late", "overflow", "failed"]


class EmitPolicy(Protocol):
    """Which updates a fold publishes, and under which version, where it is not all of them as live workers do."""

    def version(self, session: Session, offset: int, closed: bool) -> int | None:
        """The version of an update that the record at `offset` caused; None: it is not published."""
        ...


class FoldResult:
    """What a fold brought: updates to score, dead letters, and how many records ended in which way.

    A closing that a `policy` lets pass carries all page views of its session, as nothing else of it may be published.
    Where nobody reads them, no update carries views: not `has_views`.
    """

    __slots__ = ("counts", "dead", "failures", "has_views", "longest_failure_run", "policy", "updates")

    def __init__(self, failures: int = 0, policy: EmitPolicy | None = None, has_views: bool = True) -> None:
        self.policy = policy
        self.has_views = has_views
        self.updates: list[UnscoredUpdate] = []
        self.dead: list[DeadLetter] = []
        self.counts: dict[str, int] = {}
        #: Events since the last good one that could not be folded, and the most there were in a row.
        self.failures = self.longest_failure_run = failures

    def failed(self) -> None:
        self.failures += 1
        self.longest_failure_run = max(self.failures, self.longest_failure_run)

    @property
    def sessions(self) -> list[SessionUpdate]:
        """The updates themselves."""
        return [update.session for update in self.updates]
