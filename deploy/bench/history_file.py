"""A past of the generated shop, a year or less, as a file of events in no order, written in bounded memory."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from deploy.bench.simulation import SITE, site_settings
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.rhythm import FIRST_NOON
from deploy.simulate.shop.shop import ShopParameters, visits
from ingest.events import encode
from stream.fold.calendar import Calendar

DAY_MS = 86_400_000
YEAR_DAYS, SEED = 365, 13
#: Days between its end and now: all its sessions have matured.
AGO = 3
#: Pieces that are in memory one after the other while the lines are shuffled.
PIECES = 64


class HistoryFile(NamedTuple):
    """What is in the file; `until` is when it ends, ms UTC."""

    path: Path
    sessions: int
    events: int
    purchases: int
    until: int


def write_history(folder: Path, sessions: int, days: int = YEAR_DAYS, facts: ShopFacts | None = None) -> HistoryFile:
    """Write so many sessions of the days that ended AGO days ago, a line for each event."""
    site = site_settings()
    calendar = Calendar(site.timezone, site.holidays, site.special_days)
    today = int(time.time() * 1000) // DAY_MS
    shift = (today - AGO - days - FIRST_NOON // DAY_MS) * DAY_MS
    chance, path = random.Random(SEED), folder / "history.jsonl"  # noqa: S311 - no secret
    events = purchases = 0
    with ExitStack() as opened:
        pieces = [opened.enter_context((folder / f"piece-{number}").open("wb")) for number in range(PIECES)]
        for visit in visits(ShopParameters(sessions, SEED, days, facts=facts or ShopFacts()), SITE, calendar):
            visit.start += shift
            purchases += visit.bought
            for event in visit.events():
                events += 1
                pieces[chance.randrange(PIECES)].write(encode(event) + b"\n")
    with path.open("wb") as out:
        for lines in _shuffled(folder, chance):
            out.writelines(lines)
    return HistoryFile(path, sessions, events, purchases, FIRST_NOON + shift + days * DAY_MS)


def _shuffled(folder: Path, chance: random.Random) -> Iterator[list[bytes]]:
    for number in range(PIECES):
        piece = folder / f"piece-{number}"
        lines = piece.read_bytes().splitlines(keepends=True)
        piece.unlink()
        chance.shuffle(lines)
        yield lines
