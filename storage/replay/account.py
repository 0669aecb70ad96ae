"""What a replay did: records and sessions counted, rows compared, how far scores moved. Pure; partitions are added up.

Scores are counted in bins of 1e-4, so that an account does not grow with the replay; AUC and quantiles come from them.
"""

from collections.abc import Iterable, Mapping
from heapq import nlargest
from typing import TypeVar

from msgspec import Struct, field

from scoring.shadow.report import ShadowReport
from storage.interventions.trial_report import TrialReport
from storage.replay.feature_differences import FeatureCheckReport

#: Bins of a probability, or of the distance of two.
BINS = 10_000
#: Sessions whose score moved most that an account names.
MOVERS = 10

Bins = dict[int, int]
Key = TypeVar("Key", int, str)


class TableDiff(Struct):
    """Rows of one table against what the replay made of them.

    `added` were not stored; `gone` are stored, and the replay did not make them. `columns` counts the changed values.
    """

    compared: int = 0
    changed: int = 0
    added: int = 0
    gone: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    def count(self, differing: Iterable[str]) -> bool:
        """Count one row that both have; whether it is changed."""
        self.compared += 1
        names = list(differing)
        for name in names:
            self.columns[name] = self.columns.get(name, 0) + 1
        self.changed += bool(names)
        return bool(names)

    def add(self, other: "TableDiff") -> None:
        self.compared += other.compared
        self.changed += other.changed
        self.added += other.added
        self.gone += other.gone
        _add(self.columns, other.columns)


class Mover(Struct, frozen=True):
    """A closed session whose score moved."""

    moved: float
    site: str
    session_id: str
    opened_at: int
    before: float
    after: float


class Movement(Struct):
    """Scores of closed sessions, stored and made: how far apart, and of sessions with and without revenue."""

    apart: Bins = field(default_factory=dict)
    before: tuple[Bins, Bins] = field(default_factory=lambda: ({}, {}))
    after: tuple[Bins, Bins] = field(default_factory=lambda: ({}, {}))
    movers: list[Mover] = field(default_factory=list)

    def count(self, mover: Mover, revenue: bool) -> None:
        for bins, value in (
            (self.apart, abs(mover.moved)),
            (self.before[revenue], mover.before),
            (self.after[revenue], mover.after),
        ):
            place = round(value * BINS)
            bins[place] = bins.get(place, 0) + 1
        if abs(mover.moved) > 1e-6:
            self._keep([mover])

    def add(self, other: "Movement") -> None:
        _add(self.apart, other.apart)
        for mine, theirs in zip((*self.before, *self.after), (*other.before, *other.after), strict=True):
            _add(mine, theirs)
        self._keep(other.movers)

    def _keep(self, movers: list[Mover]) -> None:
        self.movers = nlargest(MOVERS, [*self.movers, *movers], key=_how_far)

    def quantile(self, share: float) -> float:
        """How far apart the scores of this share of the sessions are at most; 0 where there are none."""
        left = share * sum(self.apart.values())
        for place, count in sorted(self.apart.items()):
            left -= count
            if left <= 0:
                return place / BINS
        return 0.0


class Account(Struct):
    """All that a replay did, or one partition's part of it."""

    #: Records read of the log, by what became of them.
    records: dict[str, int] = field(default_factory=dict)
    updates: int = 0
    sessions: int = 0
    #: Sessions that are open at the cut: left to the live workers, and those that are published again as a database
    #: lost them.
    left_open: int = 0
    restored: int = 0
    #: Updates that no database takes.
    refused: int = 0
    #: Bytes written to a file, where they begin in it, and the partition after which it is named.
    bytes: int = 0
    begin: int = 0
    part: int = -1
    #: Sessions that were stored and are no more.
    voided: int = 0
    tables: dict[str, TableDiff] = field(default_factory=dict)
    movement: Movement = field(default_factory=Movement)
    #: What a shadow found; no part of a sum.
    shadow: ShadowReport | None = None
    #: What a check of stored features found; no part of a sum.
    check: FeatureCheckReport | None = None
    #: What an intervention that was tried would have done; no part of a sum.
    trial: TrialReport | None = None

    @property
    def events(self) -> int:
        return sum(self.records.values())

    @property
    def dead(self) -> int:
        return sum(self.records.get(reason, 0) for reason in ("undecodable", "late", "overflow", "failed"))

    @property
    def changed(self) -> int:
        """Sessions whose stored row was another one, or none."""
        sessions = self.tables.get("sessions", TableDiff())
        return sessions.changed + sessions.added

    def table(self, name: str) -> TableDiff:
        return self.tables.setdefault(name, TableDiff())

    def add(self, other: "Account") -> None:
        _add(self.records, other.records)
        self.updates += other.updates
        self.sessions += other.sessions
        self.left_open += other.left_open
        self.restored += other.restored
        self.refused += other.refused
        self.bytes += other.bytes
        self.voided += other.voided
        for name, table in other.tables.items():
            self.table(name).add(table)
        self.movement.add(other.movement)


def total(accounts: Iterable[Account]) -> Account:
    """The sum of the parts."""
    whole = Account()
    for account in accounts:
        whole.add(account)
    return whole


def auc(scores: tuple[Bins, Bins]) -> float | None:
    """Area under the ROC curve of scores in bins, (without, with) revenue; None where one kind is missing.

    The probability that a session with revenue has the greater score, ties counting half (Mann-Whitney U).
    """
    without, with_ = scores
    others, buyers = sum(without.values()), sum(with_.values())
    if not others or not buyers:
        return None
    below = won = 0.0
    for place in sorted(without.keys() | with_.keys()):
        here = without.get(place, 0)
        won += with_.get(place, 0) * (below + here / 2)
        below += here
    return won / (others * buyers)


def _how_far(mover: Mover) -> tuple[float, str, str, int]:
    """Those that moved alike by name, so that an interruption names no others."""
    return round(abs(mover.moved), 6), mover.site, mover.session_id, mover.opened_at


def _add(mine: dict[Key, int], theirs: Mapping[Key, int]) -> None:
    for key, count in theirs.items():
        mine[key] = mine.get(key, 0) + count
