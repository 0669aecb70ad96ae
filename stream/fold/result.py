"""What folding brings, and which updates it emits."""

from typing import Literal, Protocol

from stream.fold.session import Session
from stream.fold.update import UnscoredUpdate
from stream.scored import DeadLetter, SessionUpdate

Outcome = Literal["scored", "duplicate", "control", "erased", "report", "undecodable", "late", "overflow", "failed"]


class EmitPolicy(Protocol):
    """Which updates a fold publishes, and under which version, where it is not all of them as live workers do."""

    def version(self, session: Session, offset: int, closed: bool) -> int | None:
        """The version of an update that the record at `offset` caused; None: it is not published."""
        ...


class NothingPublished:
    """The policy of a fold that is silent: an EmitPolicy."""

    def version(self, session: Session, offset: int, closed: bool) -> int | None:
        return None


class FoldResult:
    """What a fold brought: updates to score, dead letters, and how many records ended in which way.

    Under a `policy`, a published closing carries all page views of its session, because the views of its earlier
    updates may have been left out. With `has_views` False, updates carry no views. With `decides`, updates that the
    policy leaves out are there, too, where interventions may fire: whoever scores them knows what fired before.
    """

    __slots__ = ("counts", "dead", "decides", "failure_run", "has_views", "longest_failure_run", "policy", "updates")

    def __init__(
        self, failure_run: int = 0, policy: EmitPolicy | None = None, has_views: bool = True, decides: bool = False
    ) -> None:
        self.policy = policy
        self.decides = decides
        self.has_views = has_views
        self.updates: list[UnscoredUpdate] = []
        self.dead: list[DeadLetter] = []
        self.counts: dict[str, int] = {}
        #: How many events in a row could not be folded, 0 after a good one; and the most there were.
        self.failure_run = self.longest_failure_run = failure_run

    def failed(self) -> None:
        self.failure_run += 1
        self.longest_failure_run = max(self.failure_run, self.longest_failure_run)

    @property
    def sessions(self) -> list[SessionUpdate]:
        """The updates themselves."""
        return [update.record for update in self.updates]
