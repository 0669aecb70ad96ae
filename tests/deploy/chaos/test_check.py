"""The checker finds what is lost, doubled, or stored otherwise, and nothing in a run that is as it should be."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.chaos.check import RunEvidence, attributed, check
from deploy.chaos.ledger import AcceptedEvent
from deploy.chaos.recomputed import shown_arms

ONE, TWO = ("default", "s1", 1_000), ("default", "s2", 2_000)


def evidence(**other: Any) -> RunEvidence:
    """Three accepted events in two sessions, a fourth in the dead letters, a fifth that nobody was promised."""
    clean = RunEvidence(
        accepted={
            "a": AcceptedEvent("s1", 10.0),
            "b": AcceptedEvent("s1", 20.0),
            "c": AcceptedEvent("s2", 30.0),
            "late": AcceptedEvent("s2", 40.0),
        },
        logged={"a": {(0, 1)}, "b": {(0, 2), (0, 5)}, "c": {(1, 1)}, "late": {(1, 2)}, "d": {(1, 3)}},
        homes={"a": [ONE], "b": [ONE], "c": [TWO], "d": [TWO]},
        counted={ONE: 2, TWO: 2},
        timeline={ONE: (2, 0.25), TWO: (2, 0.5)},
        stored={ONE: (2, 0.25), TWO: (2, 0.5)},
        dead_expected={(1, 2): "late"},
        dead_found={(1, 2): "late"},
    )
    return replace(clean, **other)


def test_a_run_as_it_should_be_is_clean() -> None:
    assert check(evidence()).clean


@pytest.mark.parametrize(
    ("other", "lost"),
    [
        pytest.param({"logged": {**evidence().logged, "a": set()}}, "a", id="accepted, not in the log"),
        pytest.param({"homes": {**evidence().homes, "c": []}, "counted": {ONE: 2, TWO: 1}}, "c", id="in no session"),
        pytest.param({"dead_found": {}}, "late", id="its dead letter is missing"),
        pytest.param({"counted": {ONE: 2}}, "c", id="its session is not in the relational database"),
        pytest.param({"counted": {ONE: 1, TWO: 2}}, "default/s1/1000", id="its session counts fewer"),
        pytest.param({"logged": {**evidence().logged, "late": {(1, 2), (1, 9)}}}, "late", id="one of two letters"),
    ],
)
def test_a_loss_is_found(other: dict[str, Any], lost: str) -> None:
    assert lost in check(evidence(**other)).lost


@pytest.mark.parametrize(
    ("other", "doubled"),
    [
        pytest.param({"homes": {**evidence().homes, "a": [ONE, TWO]}}, "a", id="in two sessions"),
        pytest.param({"homes": {**evidence().homes, "b": [ONE, ONE]}}, "b", id="twice in one session"),
        pytest.param({"counted": {ONE: 3, TWO: 2}}, "default/s1/1000", id="its session counts more"),
    ],
)
def test_a_doubling_is_found(other: dict[str, Any], doubled: str) -> None:
    assert doubled in check(evidence(**other)).doubled


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"differing": ["sessions lacks s9"]}, id="a row that the log does not give"),
        pytest.param({"dead_found": {(1, 2): "failed"}}, id="another reason"),
        pytest.param({"dead_found": {(1, 2): "late", (0, 7): "failed"}}, id="a dead letter too many"),
        pytest.param({"timeline": {ONE: (2, 0.25), TWO: (2, 0.5001)}}, id="another probability"),
        pytest.param({"stored": {ONE: (2, 0.25)}}, id="a session in one database alone"),
        pytest.param({"backwards": ["sessions s1: 8192 to 4096"]}, id="an older version"),
    ],
)
def test_what_is_stored_otherwise_is_found(other: dict[str, Any]) -> None:
    findings = check(evidence(**other))
    assert not findings.clean
    assert findings.lines()


def test_a_visitor_that_changes_arm_is_found() -> None:
    stays = evidence(arms={("e1", "v1"): {"control"}, ("e1", "v2"): {"treatment"}, ("e2", "v1"): {"treatment"}})
    assert check(stays).clean
    moves = check(evidence(arms={("e1", "v1"): {"control", "treatment"}}))
    assert not moves.clean
    assert moves.lines() == ["changed arm: v1 of e1: in control and treatment"]


def test_arms_are_those_of_the_unit_of_the_experiment() -> None:
    def row(session: str, arm: str) -> dict[str, Any]:
        arms = [{"experiment": "of-visitors", "arm": arm}, {"experiment": "of-sessions", "arm": arm}]
        return {"visitor_id": "v1", "session_id": session, "experiments": arms}

    tables = {"scored_sessions": {(1,): row("s1", "a"), (2,): row("s2", "b")}}
    assert shown_arms(tables, {"of-visitors": "visitor", "of-sessions": "session"}) == {
        ("of-visitors", "v1"): {"a", "b"},
        ("of-sessions", "s1"): {"a"},
        ("of-sessions", "s2"): {"b"},
    }


def test_events_of_erased_visitors_are_not_lost() -> None:
    erased = evidence(homes={**evidence().homes, "c": []}, counted={ONE: 2, TWO: 1}, erased=frozenset({"s2"}))
    assert not check(erased).lost


def test_a_loss_belongs_to_the_fault_before_it() -> None:
    seen = evidence(homes={}, counted={})
    found = attributed(check(seen), seen, [(15.0, "kill"), (25.0, "poison")])
    assert found == {"before any": 1, "kill": 1, "poison": 1}
