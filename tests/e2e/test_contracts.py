"""What live workers scored is what a replay finds: both feature contracts, promotions, a changed conversion.

The tests of one profile share a system and its log.
"""

import asyncio
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.chaos.recomputed import SCORES, alike, changed_columns, differences, recompute
from deploy.chaos.topic_reader import read_topic
from scoring import registry
from scoring.site_profile import EXPECTED_CONVERSION
from stream.fold.pages import PagesMarker, Row
from stream.fold.pages import decode as decode_page
from stream.fold.sites import SiteRow
from stream.scored import Identity, ScoredSession, decode, identity_of
from tests.support.services import new_database
from tests.support.shop_traffic import CONVERSION, SESSION_MODEL, SETTINGS, SITE, fill
from tests.support.system import System, embedded_system, services_system, unchanged

#: What must be the same in a live update and in that of a replay, beside probability and reasons.
SAME = ("label", "band", "kept_band", "features", "signals", "counts", "status", "model_version", "pages_version")

#: Identity, offset, whether a clock closed it: what makes an update one.
Moment = tuple[Identity, int, bool]


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("services", marks=[pytest.mark.kafka, pytest.mark.mariadb])],
)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, and has scored the visits of `fill`."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with embedded_system(folder, **SETTINGS) as running:
            fill(running)
            yield running
        return
    kafka, mariadb = request.getfixturevalue("kafka"), request.getfixturevalue("mariadb")
    with new_database(mariadb.url) as url, services_system(folder, kafka, url, **SETTINGS) as running:
        fill(running)
        yield running


def updates(records: list[ScoredSession]) -> dict[Moment, ScoredSession]:
    return {(identity_of(each), each.event.offset, each.event.id is None): each for each in records}


def live_updates(system: System) -> dict[Moment, ScoredSession]:
    """What the topic has of closed sessions."""
    kafka = system.settings.kafka
    found = updates([decode(record.value) for record in asyncio.run(read_topic(kafka, kafka.scored_topic))])
    closed = {identity for identity, _, is_closing in found if is_closing}
    return {moment: update for moment, update in found.items() if moment[0] in closed}


def test_a_replay_finds_what_was_scored_live(system: System, tmp_path: Path) -> None:
    whole = system.recompute()
    counts = {name: len(rows) for name, rows in whole.closed().items()}
    assert min(counts.values()) > 0
    assert {site for site, _, _ in whole.open} == {SITE}
    account = system.replay("--dry-run", "--diff", "--source", "clickhouse")
    assert unchanged(account) == counts
    assert account.left_open == len(whole.open) > 0
    live_rows = system.rows()
    assert not differences(whole.tables, live_rows)

    system.replay("--into", str(tmp_path / "scores.jsonl"))
    live = live_updates(system)
    replayed = updates([decode(line) for line in (tmp_path / "scores.jsonl").read_bytes().splitlines()])
    assert replayed.keys() == live.keys()
    assert len(live) == counts["scored_sessions"]
    for moment, update in live.items():
        check_same(update, replayed[moment])

    assert unchanged(system.replay("--diff", "--source", "kafka")) == counts
    assert not differences(live_rows, system.rows())


def check_same(live: ScoredSession, replayed: ScoredSession) -> None:
    moment = (live.session_id, live.event)
    assert replayed.probability == pytest.approx(live.probability, abs=1e-6), moment
    assert [getattr(replayed, name) for name in SAME] == [getattr(live, name) for name in SAME], moment
    assert alike(reasons(replayed), reasons(live)), moment


def reasons(update: ScoredSession) -> dict[str, Any]:
    return {each.feature: {"value": each.value, "contribution": each.contribution} for each in update.reasons}


def test_both_contracts_and_the_changed_conversion_score_sessions_that_were_open(system: System) -> None:
    # The databases hold the same: see the test above.
    live = system.recompute().tables["scored_sessions"]
    other = asyncio.run(recompute(system.settings, read_page=with_the_first_conversion)).tables["scored_sessions"]
    for before, after in (
        # (model, whether the changed conversion is in force)
        (("", False), (SESSION_MODEL, False)),
        ((SESSION_MODEL, False), (SESSION_MODEL, True)),
        ((SESSION_MODEL, True), ("", True)),
    ):
        assert in_force(live, *before) & in_force(live, *after), (before, after)

    moved = {key for key, row in live.items() if not alike(row["probability"], other[key]["probability"])}
    assert changed_columns({"updates": live}, {"updates": other})["updates"] <= SCORES - {"model_version"}
    assert all(live[key]["pages_version"] > 0 for key in moved)
    assert {live[key]["model_version"] for key in moved} == {registry.current(), SESSION_MODEL}
    # A cart makes up for an expected conversion: it brings any session to the same probability.
    bare = [key for key, row in live.items() if row["pages_version"] and not row["cart_quantity"]]
    assert bare
    for key in bare:
        found = log_odds(live[key]["probability"]) - log_odds(other[key]["probability"])
        assert found == pytest.approx(log_odds(CONVERSION) - log_odds(EXPECTED_CONVERSION), abs=1e-3)


def in_force(live: dict[tuple[Any, ...], dict[str, Any]], model: str, is_changed: bool) -> set[tuple[Any, ...]]:
    """The sessions that were scored while this was in force."""
    wanted = (model or registry.current(), is_changed)
    return {key[:3] for key, row in live.items() if (row["model_version"], row["pages_version"] > 0) == wanted}


def with_the_first_conversion(value: bytes) -> Row | PagesMarker:
    record = decode_page(value)
    if not isinstance(record, SiteRow):
        return record
    return msgspec.structs.replace(record, expected_conversion=EXPECTED_CONVERSION)


def log_odds(share: float) -> float:
    return log(share / (1 - share))
