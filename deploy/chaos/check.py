"""What a run has lost, doubled, or stored otherwise than the log says. Pure: evidence in, findings out."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.chaos.ledger import AcceptedEvent
from stream.scored import Identity

#: Partition and offset of a record of the log.
LogPlace = tuple[int, int]


@dataclass(frozen=True)
class RunEvidence:
    """What was promised, and what is there.

    accepted: by event id. logged: where the log has each event. homes: in which sessions the timeline has each event,
    once for each of its updates there. counted: events of each session by the relational database. timeline: events
    and probability of each session's newest update by ClickHouse; stored: the same by the relational database. dead:
    reasons by place, as the log gives them and as they are stored. differing: rows that are not what a fold of the log
    gives, a line each. backwards: rows that moved to an older version, a line each. erased: sessions that were to be
    forgotten. records: those that the log has now. arms: the arms that an experiment showed for a visitor or a session,
    its unit.
    """

    accepted: Mapping[str, AcceptedEvent]
    logged: Mapping[str, set[LogPlace]]
    homes: Mapping[str, Sequence[Identity]]
    counted: Mapping[Identity, int]
    timeline: Mapping[Identity, tuple[int, float]]
    stored: Mapping[Identity, tuple[int, float]]
    dead_expected: Mapping[LogPlace, str]
    dead_found: Mapping[LogPlace, str]
    differing: Sequence[str] = ()
    backwards: Sequence[str] = ()
    erased: frozenset[str] = frozenset()
    records: int = 0
    arms: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """lost: accepted events by id, and why. doubled: by event or session, and how. The others are a line each.

    moved: units of an experiment that changed arm.
    """

    lost: Mapping[str, str]
    doubled: Mapping[str, str]
    differing: Sequence[str]
    disagreeing: Sequence[str]
    backwards: Sequence[str]
    moved: Sequence[str] = ()

    @property
    def clean(self) -> bool:
        rows = self.differing or self.disagreeing or self.backwards
        return not (self.lost or self.doubled or rows or self.moved)

    def lines(self, most: int = 5) -> list[str]:
        """What was found, for people; `most` of each sort."""
        shown = [f"lost: {name}: {why}" for name, why in list(self.lost.items())[:most]]
        shown += [f"doubled: {name}: {how}" for name, how in list(self.doubled.items())[:most]]
        shown += [f"differs from a fold of the log: {line}" for line in self.differing[:most]]
        shown += [f"the databases disagree: {line}" for line in self.disagreeing[:most]]
        shown += [f"went back to an older version: {line}" for line in self.backwards[:most]]
        return shown + [f"changed arm: {line}" for line in self.moved[:most]]


def check(evidence: RunEvidence) -> Findings:
    """Judge a run.

    Lost is an accepted event that is not in the log; that is in no session and has not all its records in the dead
    letters; or whose session counts fewer events than it has. Doubled is an event in two sessions, and what a session
    counts beyond the events that it has. Events of erased visitors must be in no session at all.
    """
    lost: dict[str, str] = {}
    doubled: dict[str, str] = {}
    dead = evidence.dead_found.keys()
    for event_id, accepted in evidence.accepted.items():
        places, homes = evidence.logged.get(event_id), set(evidence.homes.get(event_id, ()))
        if accepted.session_id in evidence.erased:
            continue
        if not places:
            lost[event_id] = "not in the log"
        elif not homes and not places <= dead:
            lost[event_id] = f"in no session and no dead letter, at {sorted(places)[0]} of the log"
        elif homes and not homes & evidence.counted.keys():
            lost[event_id] = f"its session {min(homes)} is not in the relational database"
    has = Counter(identity for homes in evidence.homes.values() for identity in set(homes))
    for event_id, found in evidence.homes.items():
        if len(set(found)) > 1:
            doubled[event_id] = f"in {len(set(found))} sessions"
        elif len(found) > 1:
            doubled[event_id] = f"counted by {len(found)} updates of its session"
    for identity, counted in evidence.counted.items():
        if counted > has[identity]:
            doubled["/".join(map(str, identity))] = f"counts {counted} events, has {has[identity]}"
        elif counted < has[identity]:
            lost["/".join(map(str, identity))] = f"counts {counted} events, has {has[identity]}"
    differing = [*evidence.differing, *_dead_differences(evidence)]
    moved = [
        f"{unit} of {experiment}: in {' and '.join(sorted(arms))}"
        for (experiment, unit), arms in evidence.arms.items()
        if len(arms) > 1
    ]
    return Findings(lost, doubled, differing, _disagreements(evidence), tuple(evidence.backwards), moved)


def attributed(findings: Findings, evidence: RunEvidence, faults: Iterable[tuple[float, str]]) -> Counter[str]:
    """How many of the lost events were accepted after each kind of fault began, and before the next did."""
    begun = sorted(faults)
    counts: Counter[str] = Counter()
    for event_id in findings.lost:
        accepted = evidence.accepted.get(event_id)
        at = accepted.at if accepted is not None else float("inf")
        before = [kind for began, kind in begun if began <= at]
        counts[before[-1] if before else "before any"] += 1
    return counts


def _dead_differences(evidence: RunEvidence) -> list[str]:
    expected, found = evidence.dead_expected, evidence.dead_found
    lines = [f"no dead letter of {place} ({why})" for place, why in expected.items() if place not in found]
    lines += [f"a dead letter of {place} ({why})" for place, why in found.items() if place not in expected]
    both = expected.keys() & found.keys()
    return lines + [
        f"dead letter of {each}: {found[each]}, not {expected[each]}" for each in both if expected[each] != found[each]
    ]


def _disagreements(evidence: RunEvidence) -> list[str]:
    """Sessions of which the databases have another newest state; probabilities to 1e-6."""
    lines = []
    for identity in evidence.timeline.keys() | evidence.stored.keys():
        one, other = evidence.stored.get(identity), evidence.timeline.get(identity)
        if one is None or other is None or one[0] != other[0] or abs(one[1] - other[1]) > 1e-6:
            lines.append(f"{identity}: {_shown(one)} in MariaDB, {_shown(other)} in ClickHouse")
    return lines


def _shown(state: tuple[int, float] | None) -> Any:
    return "missing" if state is None else f"{state[0]} events, probability {state[1]:.6f}"
