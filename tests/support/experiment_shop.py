"""Visitors of an experiment as the writer stores them, with everything that its rule treats apart, and their truth."""

import random
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from stream.experiments.assignment import BUCKETS, bucket
from stream.scored import ArmAssignment, Cause, CurrencyAmount, Refund, ScoredSession, VerifiedOrder
from tests.support.events import NOON, event_id
from tests.support.scored import SIGNALS, scored

HOUR, DAY = 3_600_000, 24 * 3_600_000
ARMS, SALT, HOLDOUT_SALT = ("control", "treatment"), "9" * 16, "1" * 16
#: Visitors are exposed on so many days; a window follows, and what comes after it.
DAYS, WINDOW = 12, 7
HELD_OUT = 1_000


@dataclass
class TrueVisitor:
    """What is true of a visitor; times in ms UTC. `arms` are those that it met."""

    id: str
    arms: set[str] = field(default_factory=set)
    is_bot: bool = False
    exposed_at: int = 0
    score: float = 0.0
    device: str = ""
    #: Opening and end of each session.
    sessions: list[tuple[int, int]] = field(default_factory=list)
    #: When, how much, how much of it was given back.
    orders: list[tuple[int, float, float]] = field(default_factory=list)
    is_held_out: bool = False


class ExperimentShop:
    """Draws visitors of the site `shop` in the experiment `chat`; `uplift` multiplies the treatment's conversion."""

    def __init__(self, seed: int, visitors: int, base: float = 0.15, uplift: float = 0.0) -> None:
        self._chance = random.Random(seed)
        self._base, self._uplift = base, uplift
        self._offset = 0
        self.updates: list[ScoredSession] = []
        self.visitors = [self._visitor(f"v{number}") for number in range(visitors)]

    def _visitor(self, name: str) -> TrueVisitor:
        chance, made = self._chance, TrueVisitor(name)
        made.is_held_out = bucket(HOLDOUT_SALT, name) < HELD_OUT
        arm = ARMS[bucket(SALT, name) * len(ARMS) // BUCKETS]
        made.is_bot = chance.random() < 0.03
        both = not made.is_held_out and chance.random() < 0.03
        count = 2 if both else chance.choice((1, 1, 2, 3))
        at = NOON + chance.randrange(DAYS * DAY)
        for number in range(count):
            shown = "" if made.is_held_out else ARMS[1 - ARMS.index(arm)] if both and number == 1 else arm
            # A first session may come before the audience holds, with an order of before the exposure.
            is_met = bool(shown) and (number > 0 or count == 1 or both or chance.random() < 0.8)
            at = self._session(made, f"{name}-{number}", at, shown if is_met else "", arm)
            at += chance.randrange(2 * HOUR, 5 * DAY)
        return made

    def _session(self, visitor: TrueVisitor, session_id: str, opened_at: int, shown: str, arm: str) -> int:
        """All updates of one session; its end."""
        chance, score, device = (
            self._chance,
            round(self._chance.random(), 3),
            self._chance.choice(("desktop", "mobile")),
        )
        events = chance.randrange(2, 6)
        met_at, whole = chance.randrange(events) if shown else -1, self._whole(visitor, session_id, opened_at, device)
        buys = chance.random() < self._base * (1 + self._uplift * (arm == "treatment" and not visitor.is_held_out))
        bought: dict[str, Any] = {}
        at = opened_at
        for number in range(events):
            at = opened_at + number * 60_000
            if number == met_at:
                visitor.arms.add(shown)
                if not visitor.exposed_at or at < visitor.exposed_at:
                    visitor.exposed_at, visitor.score, visitor.device = at, score, device
            if buys and number == events - 1:
                bought = self._order(visitor, session_id, at)
            elif number == events - 1 and visitor.orders and chance.random() < 0.2:
                bought = self._sent_again
            self._add(whole | bought, at, score, shown if shown and number >= met_at else "", closed=False)
        if chance.random() < 0.8:
            self._add(whole | bought, at, score, shown, closed=True)
        visitor.sessions.append((opened_at, at))
        return at

    def _whole(self, visitor: TrueVisitor, session_id: str, opened_at: int, device: str) -> dict[str, Any]:
        return {
            "site": "shop", "session_id": session_id, "visitor_id": visitor.id, "opened_at": opened_at,
            "started_at": opened_at, "bot": visitor.is_bot, "holdout": visitor.is_held_out,
            "signals": replace(SIGNALS, device_class=device, cart_value=self._chance.choice((0.0, 30.0, None))),
        }  # fmt: skip

    def _order(self, visitor: TrueVisitor, session_id: str, at: int) -> dict[str, Any]:
        chance = self._chance
        currency, amount = chance.choice((("EUR", 1.0), ("EUR", 1.0), ("USD", 0.5))), float(chance.randrange(10, 90))
        part = chance.choice((0.0, 0.0, 0.0, 0.5, 1.0))
        visitor.orders.append((at, amount * currency[1], amount * part * currency[1]))
        refunds = (Refund(session_id, event_id(self._offset), at, amount * part, currency[0]),) if part else ()
        made = {
            "revenue": True, "amount": amount, "currency": currency[0],
            "amounts": (CurrencyAmount(currency[0], amount),),
            "orders": (VerifiedOrder(session_id, at, amount, currency[0]),), "refunds": refunds,
        }  # fmt: skip
        #: The newest order, which counts in its first session alone.
        self._sent_again = made | {"refunds": ()}
        return made

    def _add(self, given: dict[str, Any], at: int, score: float, shown: str, *, closed: bool) -> None:
        self._offset += 1
        arms = (ArmAssignment("other", "a"), ArmAssignment("chat", shown)) if shown else (ArmAssignment("other", "b"),)
        kind = "purchase" if given.get("revenue") else "page_view"
        cause = Cause(self._offset) if closed else Cause(self._offset, event_id(self._offset), kind)
        self.updates.append(
            scored(
                self._offset, closed, event=cause, occurred_at=at, last_event_at=at, updated_at=at, probability=score,
                band="high" if score > 0.5 else "low", experiments=arms if not given["holdout"] else (), **given,
            )
        )  # fmt: skip
