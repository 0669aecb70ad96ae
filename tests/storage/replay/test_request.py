"""Which replays can never run, and which may be about the same sessions."""

import pytest

from storage.replay.request import ReplaySelection


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ReplaySelection(), ""),
        (ReplaySelection(into="file", target="scores.jsonl"), ""),
        (ReplaySelection(into="features", target="/data/Käufe 2026.csv"), ""),
        (ReplaySelection(into="topic", target="scores.of_may-1"), ""),
        (ReplaySelection(into="file", target="scores\0.jsonl"), "target: it has characters"),
        (ReplaySelection(into="file", target="\0/scores.jsonl"), "target: it has characters"),
        (ReplaySelection(into="file", target="sco\nres"), "target: it has characters"),
        (ReplaySelection(into="file", target="sco\udcffres"), "target: it has characters"),
        (ReplaySelection(into="file", target="sco\u202eres"), "target: it has characters"),
        (ReplaySelection(into="nothing", model="m\0"), "model: it has characters"),
        (ReplaySelection(site="uci\x7f"), "site: it has characters"),
        (ReplaySelection(into="file", target=""), "target: name a file"),
        (ReplaySelection(into="file", target="folder/.."), "target: name a file"),
        (ReplaySelection(into="features", target="/"), "target: name a file"),
        (ReplaySelection(into="file", target="ü" * 101), "target: a file's name has at most 200 bytes"),
        (ReplaySelection(into="topic", target="a/b"), "target: name a topic"),
        (ReplaySelection(into="topic", target=".."), "target: name a topic"),
        (ReplaySelection(into="topic", target="a" * 250), "target: name a topic"),
    ],
)
def test_what_can_never_run_is_one_line(request_: ReplaySelection, said: str) -> None:
    assert request_.fault.startswith(said)
    assert bool(request_.fault) is bool(said)
    assert "\n" not in request_.fault


@pytest.mark.parametrize(
    ("one", "other", "meet", "covers"),
    [
        ("", "", True, True),
        ("", "a", True, True),
        ("a", "", True, False),
        ("a", "a", True, True),
        ("a", "a~run", True, True),
        ("a", "b", False, False),
        ("a~run", "b~run", False, False),
    ],
)
def test_sites_of_two_replays(one: str, other: str, meet: bool, covers: bool) -> None:
    first, second = ReplaySelection(site=one), ReplaySelection(site=other)
    assert first.may_meet(second) is meet
    assert first.covers(second) is covers
