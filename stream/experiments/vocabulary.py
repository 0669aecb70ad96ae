"""The names that a condition may use, and where their values are.

Of an update: every feature and signal, and its score. Of a moment at which something may be done: these, and how long
nothing has come of the session. Of an opening: only what the session's earliest event knows, since an arm that picks
the model must be known before there is a score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from scoring.catalogue import FeatureDescription, catalogue
from scoring.features import NAMES
from scoring.manifest import Band

ValueKind = Literal["number", "boolean", "category", "band"]

#: From the lowest to the highest.
BANDS: tuple[Band, ...] = get_args(Band)


@dataclass(frozen=True)
class KnownName:
    """`path` is the attribute of an update (or session) that has the value, None of the score, which is no part of it;
    `values` are those of a category, and the bands in their order.
    """

    kind: ValueKind
    path: str | None
    values: tuple[str, ...] = ()


Vocabulary = Mapping[str, KnownName]
#: The name of the silence of a session.
IDLE_SECONDS = "idle_seconds"


def _known(described: FeatureDescription, path: str) -> KnownName:
    if described.type == "category":
        return KnownName("category", path, described.values)
    return KnownName("boolean" if described.type == "boolean" else "number", path)


#: The attributes of a Session (stream/fold/session.py) that its earliest event sets.
_OPENING_PATHS = {
    "SpecialDay": "day.special_day",
    "Month": "day.month",
    "OperatingSystems": "session_context.operating_system",
    "Browser": "session_context.browser",
    "Region": "session_context.region",
    "TrafficType": "session_context.traffic_type",
    "VisitorType": "session_context.visitor_type",
    "Weekend": "day.weekend",
    "device_class": "session_context.device_class",
}


@cache
def update_names() -> Vocabulary:
    """What a condition over an update may use."""
    score = {"probability": KnownName("number", None), "band": KnownName("band", None, BANDS)}
    return score | {
        each.name: _known(each, f"{'features' if each.name in NAMES else 'signals'}.{each.name}")
        for each in catalogue().features
    }


@cache
def moment_names() -> Vocabulary:
    """What a condition of an intervention may use."""
    return {
        **update_names(),
        IDLE_SECONDS: KnownName("number", IDLE_SECONDS),
        "checkout_left": KnownName("boolean", "checkout_left"),
        "purchases": KnownName("number", "counts.purchases"),
    }


@cache
def opening_names() -> Vocabulary:
    """What a condition over an opening may use."""
    described = {each.name: each for each in catalogue().features}
    return {name: _known(described[name], path) for name, path in _OPENING_PATHS.items()}
