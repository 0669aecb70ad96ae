"""Crossings into a band are counted by session; a session that stays near a limit crosses it once."""

from deploy.simulate.evaluation.crossings import Crossings
from scoring.manifest import Band
from stream.scored import Cause
from tests.support.scored import scored


def take(crossings: Crossings, session: str, *bands: tuple[Band, Band]) -> None:
    """Updates by their band and the band that is kept, then the closing."""
    for offset, (band, kept) in enumerate(bands):
        crossings.take(scored(offset, session_id=session, band=band, kept_band=kept))
    last = bands[-1]
    crossings.take(scored(99, closed=True, event=Cause(99), session_id=session, band=last[0], kept_band=last[1]))


def test_a_session_that_never_crosses_counts_nowhere() -> None:
    crossings = Crossings()
    take(crossings, "a", ("low", "low"))
    assert crossings.by_session() == {"building": 0.0, "high": 0.0}


def test_a_jump_over_a_band_crosses_both_and_leaving_is_no_crossing() -> None:
    crossings = Crossings()
    take(crossings, "a", ("low", "low"), ("high", "high"), ("low", "low"))
    assert crossings.by_session() == {"building": 1.0, "high": 1.0}


def test_crossings_are_per_session_that_crosses() -> None:
    crossings = Crossings()
    take(crossings, "a", ("building", "building"), ("low", "low"), ("building", "building"), ("low", "low"))
    take(crossings, "b", ("building", "building"))
    take(crossings, "c", ("low", "low"))
    assert crossings.by_session() == {"building": 1.5, "high": 0.0}


def test_a_band_that_is_kept_is_not_crossed_again() -> None:
    crossings = Crossings()
    take(crossings, "a", ("building", "building"), ("low", "building"), ("building", "building"))
    assert crossings.by_session()["building"] == 1.0
