"""The two tracks of training: `uci` takes the file as it is, `live` learns from what a running shop can know."""

from dataclasses import dataclass

from scoring.training.encoding import CODES


@dataclass(frozen=True)
class Track:
    """What a model of this track may know."""

    name: str
    #: Features that the model never sees.
    unknown: tuple[str, ...]
    #: Whether it learns from beginnings of sessions too, some without page statistics (truncate.py).
    beginnings: bool


UCI = Track("uci", unknown=(), beginnings=False)
LIVE = Track("live", unknown=CODES, beginnings=True)
TRACKS = (UCI, LIVE)
