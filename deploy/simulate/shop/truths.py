"""The truth of each event as a file, JSON Lines: what the generator knows and no system is given."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from deploy.errors import SetupError
from deploy.simulate.shop.visit import ShopVisit


def write(file: Path, visits: Iterable[ShopVisit]) -> None:
    """Write a line for each event: its session, its number in it from 1, its id, its type, the probability that the
    session buys (null from the purchase on), and whether it does. Raises SetupError where the file cannot be written.
    """
    encoder = msgspec.json.Encoder()
    try:
        with file.open("wb") as out:
            for visit in visits:
                for number, (known, event) in enumerate(zip(visit.walk(), visit.events(), strict=True), 1):
                    line = {
                        "session_id": visit.session_id,
                        "number": number,
                        "event_id": event.event_id,
                        "type": event.type,
                        "truth": known.truth,
                        "bought": visit.bought,
                    }
                    out.write(encoder.encode(line) + b"\n")
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}: give --truth another place") from error
