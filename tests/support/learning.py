"""Rows to learn from, without a shop: sessions of which a few columns say how likely they are to buy."""

import numpy as np

from scoring import registry
from scoring.contracts import SESSION
from scoring.learning.recalibrated import BaseModel
from scoring.learning.rows import LearningRows
from tests.support.events import NOON

HOUR = 3_600_000


def shipped() -> BaseModel:
    version = registry.current()
    return BaseModel(registry.manifest(registry.SHIPPED, version), registry.graph_of(registry.SHIPPED, version), True)


def drawn_rows(sessions: int, rate: float = 0.15, seed: int = 1) -> LearningRows:
    """Sessions of 1 to 8 updates; buyers have carts, and every fifth value of a signal is unknown."""
    chance = np.random.default_rng(seed)
    lengths = chance.integers(1, 9, sessions)
    session = np.repeat(np.arange(sessions), lengths)
    events = np.concatenate([np.arange(1, length + 1) for length in lengths])
    rows = chance.gamma(0.6, 5, (len(session), len(SESSION.names))).round(1)
    bought = np.repeat(chance.random(sessions) < rate, lengths)
    for name, values in (
        ("events", events),
        ("Month", 11),
        ("VisitorType", np.repeat(chance.integers(1, 3, sessions), lengths)),
        ("Weekend", np.repeat(chance.integers(0, 2, sessions), lengths)),
        ("cart_quantity", chance.poisson(0.3 + 1.2 * bought)),
        ("device_class", np.repeat(chance.integers(1, 4, sessions), lengths)),
    ):
        rows[:, SESSION.names.index(name)] = values
    for name in ("OperatingSystems", "Browser", "Region", "TrafficType", "last_page_type"):
        rows[:, SESSION.names.index(name)] = rows[:, SESSION.names.index(name)].astype(int) % 5
    for name in ("PageValues", "cart_value", "device_class", "mean_scroll_depth"):
        rows[chance.random(len(rows)) < 0.2, SESSION.names.index(name)] = np.nan
    rows[:, SESSION.names.index("wishlist_adds")] = np.nan
    opened_at = NOON + np.repeat(np.sort(chance.integers(0, 30 * 24 * HOUR, sessions)), lengths)
    live = np.clip(chance.beta(1, 9, len(session)) + 0.1 * bought, 0.001, 0.999)
    return LearningRows(
        rows.astype(np.float32), session.astype(np.uint64), opened_at, events.astype(np.int64), bought, live
    )
