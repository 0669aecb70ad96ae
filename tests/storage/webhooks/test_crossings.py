"""Crossings are those between bands of one session, each told once, whatever is told again."""

import random
from typing import Any

import pytest

from scoring.manifest import Band
from storage.webhooks.crossings import WANTED, Webhook, by_site, fold
from stream.scored import ScoredSession, version_of
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import webhook

HOOKS = {"default": [webhook()]}


def updates(*bands: Band, first: int = 1, **given: Any) -> list[ScoredSession]:
    """One session's updates in these bands."""
    return [scored(offset, band=band, **given) for offset, band in enumerate(bands, first)]


def crossed(said: list[ScoredSession], told: int = -1, known: Any = None, hooks: Any = None) -> list[tuple[str, str]]:
    return [(each.before, each.entered) for each in fold(said, told, known or {}, hooks or HOOKS).crossings]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param(updates("low"), [], id="a session that begins in low crosses nothing"),
        pytest.param(updates("high"), [("low", "high")], id="one that begins in high left low"),
        pytest.param(updates("low", "low", "high", "high"), [("low", "high")], id="staying is no crossing"),
        pytest.param(
            updates("building", "high", "low"),
            [("low", "building"), ("building", "high"), ("high", "low")],
            id="each step is one",
        ),
        pytest.param(
            updates("high", "low", "high"), [("low", "high"), ("high", "low"), ("low", "high")], id="there and back"
        ),
        pytest.param(
            [*updates("high"), *updates("building", first=2, kept_band="high"), *updates("high", first=3)],
            [("low", "high")],
            id="a band is kept while the limits at which it is left hold",
        ),
        pytest.param(
            [*updates("high"), *updates("low", first=2, kept_band="building"), *updates("low", first=3)],
            [("low", "high"), ("high", "building"), ("building", "low")],
            id="and left for the one that is kept",
        ),
        pytest.param(updates("low", kept_band="building"), [], id="none is entered by what would only keep it"),
        pytest.param(
            [*updates("low"), scored(2, closed=True, band="high")], [], id="a closing is no crossing, whatever its band"
        ),
        pytest.param(
            [scored(1, version=version_of(1, False, 3), band="high")], [], id="what a backfill says is no news"
        ),
        pytest.param(updates("high", "building", bot=True), [], id="a program's session"),
        pytest.param(
            [*updates("high", bot=True), *updates("building", first=2)],
            [("low", "building")],
            id="a person after all left low",
        ),
        pytest.param(
            [*updates("high"), *updates("low", first=2, bot=True), *updates("low", first=3)],
            [("low", "high"), ("high", "low")],
            id="what it does while it counts as a program's is noted later",
        ),
        pytest.param(updates("high", site="other"), [], id="a site without a webhook"),
        pytest.param(updates("high", site="default~k3f9"), [], id="an import's run of the site"),
        pytest.param(
            [*updates("high"), *updates("high", first=2, opened_at=NOON + 1)],
            [("low", "high"), ("low", "high")],
            id="another session of the same id",
        ),
    ],
)
def test_what_crosses(said: list[ScoredSession], found: list[tuple[str, str]]) -> None:
    assert crossed(said) == found


def test_known_bands_go_on_and_closed_sessions_are_forgotten() -> None:
    identity = ("default", "s1", NOON)
    folded = fold(updates("low", first=5), 4, {identity: "high"}, HOOKS)
    assert [(each.before, each.entered) for each in folded.crossings] == [("high", "low")]
    assert (folded.bands, folded.reported) == ({identity: "low"}, 5)
    folded = fold([scored(6, closed=True)], 5, {identity: "low"}, HOOKS)
    assert (folded.bands, folded.reported) == ({identity: None}, 6)
    folded = fold([scored(6, bot=True), scored(7, closed=True, bot=True)], 5, {identity: "low"}, HOOKS)
    assert (folded.bands, folded.reported) == ({identity: None}, 7)


@pytest.mark.parametrize("seed", range(20))
def test_what_a_killed_worker_reports_again_changes_nothing(seed: int) -> None:
    """Any tail of the log told again, any number of times, in whatever batches."""
    chance = random.Random(seed)
    log = [
        scored(offset, session_id=f"s{chance.randrange(3)}", band=chance.choice(("low", "building", "high")))
        for offset in range(1, 60)
    ]
    once = [(each.update.version, each.before) for each in fold(log, -1, {}, HOOKS).crossings]
    told, known, found = -1, {}, []
    place = furthest = 0
    while furthest < len(log):
        # A worker begins again at its last commit, somewhere before what it has told.
        place = max(0, place - chance.randrange(10)) if chance.random() < 0.4 else place
        batch = log[place : place + chance.randrange(1, 8)]
        folded = fold(batch, told, known, HOOKS)
        found += [(each.update.version, each.before) for each in folded.crossings]
        told, known = folded.reported, known | folded.bands
        place += len(batch)
        furthest = max(furthest, place)
    assert found == once


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((), ["building", "high", "low"]),
        (("high",), ["high"]),
        (("low",), ["low"]),
        (("up",), ["building", "high"]),
        (("down",), ["low"]),
        (("building", "down"), ["building", "low"]),
        (WANTED, ["building", "high", "low"]),
    ],
    ids=lambda value: " ".join(value) or "all",
)
def test_a_webhook_gets_what_it_wants(wanted: tuple[Any, ...], found: list[str]) -> None:
    said = updates("building", "high", "low")
    assert [band for _, band in crossed(said, hooks={"default": [webhook(wanted=wanted)]})] == found


@pytest.mark.parametrize(
    ("hook", "found"),
    [
        pytest.param(
            webhook(bands_since=NOON + 1, since=NOON + 1), [("high", "low")], id="its first band is not known"
        ),
        pytest.param(webhook(since=NOON + 1_001), [], id="what was before the webhook"),
        pytest.param(webhook(), [("low", "high"), ("high", "low")], id="all of it"),
    ],
)
def test_sessions_that_were_open_before_a_webhook_cross_from_their_next_band_on(
    hook: Webhook, found: list[tuple[str, str]]
) -> None:
    assert crossed(updates("high", "low"), hooks={"default": [hook]}) == found


def test_each_webhook_of_a_site_has_its_own_crossing_and_disabled_ones_none() -> None:
    hooks = [webhook(id="wh_a"), webhook(id="wh_b", wanted=("high",)), webhook(id="wh_c", disabled="410"), webhook(
        id="wh_d", site="other"
    )]  # fmt: skip
    folded = fold(updates("building", "high"), -1, {}, by_site(hooks))
    assert [(each.webhook.id, each.entered) for each in folded.crossings] == [
        ("wh_a", "building"),
        ("wh_a", "high"),
        ("wh_b", "high"),
    ]
