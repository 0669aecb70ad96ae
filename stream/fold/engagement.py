"""How long a visitor was engaged and how far down they scrolled, from the pings of a session in any order.

A ping says so of the page view before it, as a sum so far: of a view the greatest counts. A ping that comes late, or a
view that comes between pings, has all of them counted again.
"""

from collections.abc import Callable
from struct import Struct as Packing

from stream.fold.pages import VIEW_CAP

#: A ping, packed: when it occurred, the place of its event, ms engaged, hundredths of a percent of the page's height.
_PING = Packing("<qHIH")


class Engagement:
    """Of a session that has a ping. Depths are in hundredths of a percent; -1: the newest view has no ping yet."""

    __slots__ = (
        "_pings",
        "earlier_depths",
        "earlier_ms",
        "earlier_views",
        "view_depth",
        "view_ms",
    )

    def __init__(self) -> None:
        self._pings = b""
        #: Sums over the views before the newest one, and how many of them have pings.
        self.earlier_ms = self.earlier_depths = self.earlier_views = 0
        self.view_ms, self.view_depth = 0, -1

    @property
    def seconds(self) -> float:
        """How long the visitor was engaged, over all views."""
        return (self.earlier_ms + self.view_ms) / 1000

    @property
    def mean_depth(self) -> float:
        """Of the views that have pings: the mean of the greatest depth, in percent of the page's height."""
        if self.view_depth < 0:
            return self.earlier_depths / self.earlier_views / 100
        return (self.earlier_depths + self.view_depth) / (self.earlier_views + 1) / 100

    def add(self, at: int, place: int, engaged_ms: int, scroll_depth: float, last: bool) -> None:
        """Keep a ping, and count it where it is the session's last event; otherwise call `recount`."""
        depth = int(scroll_depth * 100 + 0.5)
        self._pings += _PING.pack(at, place, engaged_ms, depth)
        if last:
            self._count(engaged_ms, depth)

    def next_view(self) -> None:
        """A view follows all pings."""
        if self.view_depth >= 0:
            self.earlier_ms += self.view_ms
            self.earlier_depths += self.view_depth
            self.earlier_views += 1
            self.view_ms, self.view_depth = 0, -1

    def recount(self, view_of: Callable[[int, int], int], newest: int) -> None:
        """Count all pings again.

        `view_of` gives, for the time and the place of a ping, which view it belongs to; `newest` is the newest one.
        """
        self.earlier_ms = self.earlier_depths = self.earlier_views = 0
        self.view_ms, self.view_depth = 0, -1
        pings = sorted(
            [(view_of(at, place), engaged, depth) for at, place, engaged, depth in _PING.iter_unpack(self._pings)]
        )
        counted = -1
        for view, engaged, depth in pings:
            if view != counted:
                self.next_view()
                counted = view
            self._count(engaged, depth)
        if counted != newest:
            self.next_view()

    def _count(self, engaged_ms: int, depth: int) -> None:
        """Count a ping of the newest view."""
        if engaged_ms > self.view_ms:
            self.view_ms = engaged_ms if engaged_ms < VIEW_CAP else VIEW_CAP
        self.view_depth = max(self.view_depth, depth)
