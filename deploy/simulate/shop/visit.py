"""A session of the generated shop, ready to be sent as events. Pure: what it is follows from seed and number."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from deploy.simulate.shop.chain import Segment
from deploy.simulate.shop.parameters import VISITOR_TYPES
from deploy.simulate.shop.walk import Walker, WalkEvent
from deploy.simulate.visit import event, event_id_tails
from ingest.codes import BROWSERS, SYSTEMS, TRAFFIC_TYPES, region
from ingest.commerce import VisitorHistory
from ingest.events import ClockKind, Code, Context, DeviceClass, Event

#: Browsers and systems by device; neither moves anything.
AGENTS: dict[DeviceClass, tuple[tuple[str, str], ...]] = {
    "desktop": (("Chrome", "Windows"), ("Chrome", "macOS"), ("Firefox", "Windows"), ("Edge", "Windows")),
    "mobile": (("Chrome", "Android"), ("Safari", "iOS"), ("Samsung Internet", "Android")),
    "tablet": (("Safari", "iOS"), ("Chrome", "Android")),
    "other": (("Chrome", "Linux"),),
}
REGION = region("DE")
_TRAFFIC = {code.name: code for code in TRAFFIC_TYPES}


class ShopVisit:
    """One session; `truths` and `events` walk the same way each time."""

    __slots__ = (
        "_chance", "_walker", "bought", "clock", "event_count", "history", "lasts", "number", "segment", "session_id",
        "site", "start", "visitor_id",
    )  # fmt: skip

    def __init__(
        self, site: str, number: int, segment: Segment, walker: Walker, chance: tuple[int, ...], clock: ClockKind
    ) -> None:
        """`chance` seeds the walk. Start, visitor and history are set by whoever has the other sessions in sight."""
        self.site = site
        self.clock = clock
        self.number = number
        self.segment = segment
        self.session_id = f"session-{number:06}"
        self._walker = walker
        self._chance = chance
        self.start = 0
        self.visitor_id = ""
        self.history = VisitorHistory(0)
        self.event_count = self.lasts = 0
        self.bought = False
        for each in self.walk():
            self.event_count += 1
            self.lasts = each.at
            self.bought = self.bought or each.type == "purchase"

    def walk(self) -> Iterator[WalkEvent]:
        """The events as they follow from the chain, with their truth."""
        member: dict[str, Any] = {"history": self.history}
        return self._walker.walk(self.segment, np.random.default_rng(self._chance), member)

    def events(self) -> Iterator[Event]:
        """The events in order, with their ids and times."""
        context = self._context()
        for tail, each in zip(event_id_tails(self), self.walk(), strict=False):
            yield event(
                *(self, tail, self.start + each.at, context, each.type, self.visitor_id, self.clock), **each.member
            )

    def _context(self) -> Context:
        device, source = self.segment.device, self.segment.source
        agents = AGENTS[device]
        browser, system = agents[self.number % len(agents)]
        return Context(
            browser=Code(BROWSERS[browser], browser),
            operating_system=Code(SYSTEMS[system], system),
            region=REGION,
            traffic_type=_TRAFFIC[source],
            visitor_type=VISITOR_TYPES[self.segment.visitor],
            device_class=device,
        )
