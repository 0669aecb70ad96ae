"""Generated windows of a site for drift: quiet ones with weekends and busy days, and changes planted in one."""

from collections.abc import Callable

import numpy as np

from scoring.drift.alarms import UNKNOWN_RATE, ColumnPlace
from scoring.drift.bins import SessionSample
from scoring.drift.windows import AT_EVENTS, DriftWindow, WindowCounts, outcome_cells

NAMES = ("engaged_seconds", "cart_value", "device_class", "page_views", "TrafficType", "last_page_type", "probability")
OF_EVENTS = (1, 3, 10)
COLUMNS = [ColumnPlace(events, name) for events in OF_EVENTS for name in NAMES]
COLUMNS += [ColumnPlace(UNKNOWN_RATE, name) for name in NAMES[:-1]]
MODELS = frozenset({"m1"})


class Generated:
    """A window before it is sampled: columns of `values`, and what is counted of all its sessions."""

    def __init__(self, seed: int, number: int, sessions: int) -> None:
        self.chance = chance = np.random.default_rng((seed, number))
        # Every seventh is a weekend: fewer sessions, more phones, longer visits; and no two days are alike.
        weekend = number % 7 == 0
        self.sessions = size = int(chance.poisson(sessions * (0.8 if weekend else 1.0) * chance.lognormal(0, 0.05)))
        self.reached = chance.geometric(0.15, size)
        phone = chance.random(size) < (0.75 if weekend else 0.5) + chance.normal(0, 0.02)
        traffic = chance.choice(5, size, p=chance.dirichlet([200] * 5)) + 1
        pages = chance.geometric(0.2 * chance.lognormal(0, 0.05), size)
        self.values = np.empty((size, len(OF_EVENTS) * len(NAMES)), np.float32)
        for column, (events, name) in enumerate(COLUMNS[: self.values.shape[1]]):
            self.values[:, column] = {
                "engaged_seconds": lambda events=events: chance.gamma(2, 8 * events * (1.125 if weekend else 1), size),
                "cart_value": lambda: np.where(chance.random(size) < 0.1, chance.lognormal(3, 1, size), 0.0),
                "device_class": lambda: 1 + phone,
                "page_views": lambda events=events: np.minimum(pages, events),
                "TrafficType": lambda: traffic,
                "last_page_type": lambda: np.where(chance.random(size) < 0.1, np.nan, chance.integers(1, 5, size)),
                "probability": lambda: chance.beta(1, 20, size),
            }[name]()
        self.programs = int(chance.binomial(size, 0.04 * chance.lognormal(0, 0.2)))
        self.sent = self.reached + chance.integers(0, 5, size)
        # One session in 200 is of a clock that is wrong, and all it sends is late.
        self.late = np.where(chance.random(size) < 0.005, self.sent, 0)
        #: The log-odds of each session at its events, and whether it bought.
        self.logits = chance.normal(-3.0, 1.2, size)
        self.bought = chance.random(size) < 1 / (1 + np.exp(-self.logits))
        self.models = MODELS

    def of(self, name: str) -> list[int]:
        return [place for place in range(self.values.shape[1]) if COLUMNS[place].name == name]

    def window(self) -> DriftWindow:
        present = np.column_stack([self.reached >= place.events for place in COLUMNS])
        last = np.digitize(self.reached, OF_EVENTS) - 1
        unknown = []
        for name in NAMES[:-1]:
            at_each = self.values[:, self.of(name)]
            unknown.append(np.isnan(at_each[np.arange(len(at_each)), last]))
        values = np.column_stack([self.values, *unknown]).astype(np.float32)
        kinds, sessions = np.unique(np.column_stack([self.sent, self.late]), axis=0, return_counts=True)
        probability = 1 / (1 + np.exp(-self.logits))
        outcomes = np.array(
            [
                outcome_cells(probability[chosen], self.bought[chosen])
                for chosen in (self.reached >= number for number in AT_EVENTS)
            ]
        )
        counts = WindowCounts(
            self.sessions, self.programs, np.column_stack([kinds, sessions]).astype(np.int64), outcomes, self.models
        )
        return DriftWindow(SessionSample(values, present), counts)


Change = Callable[[Generated], None]


def window(seed: int, number: int, sessions: int = 300, change: Change | None = None) -> DriftWindow:
    made = Generated(seed, number, sessions)
    if change is not None:
        change(made)
    return made.window()


def no_pings(made: Generated) -> None:
    made.values[:, made.of("engaged_seconds")] = 0


def prices_doubled(made: Generated) -> None:
    made.values[:, made.of("cart_value")] *= 2


def hidden_programs(made: Generated) -> None:
    """A fourth of the sessions are of programs that are taken for people."""
    some = slice(0, made.sessions // 4)
    for name, value in (("device_class", 4), ("TrafficType", 1)):
        made.values[some, made.of(name)[0]] = value
        made.values[some, made.of(name)[1]] = value


def known_programs(made: Generated) -> None:
    """As many again as there are people, recognised as programs."""
    made.programs += made.sessions


def no_page_types(made: Generated) -> None:
    """A template loses the types of its pages, so that they all are of one."""
    made.values[:, made.of("last_page_type")] = 4


def unknown_page_types(made: Generated) -> None:
    """Of three pages in ten the type is unknown from now on."""
    for column in made.of("last_page_type"):
        made.values[made.chance.random(made.sessions) < 0.3, column] = np.nan


def slow_queue(made: Generated) -> None:
    """A tenth of the sessions send what comes late."""
    made.late = np.where(made.chance.random(made.sessions) < 0.1, made.sent, made.late)


def half_gone(made: Generated) -> None:
    """Half of the sessions are not tracked."""
    half = made.sessions // 2
    for name in ("values", "reached", "sent", "late", "logits", "bought"):
        setattr(made, name, getattr(made, name)[:half])
    made.sessions = half


def purchases_twice(made: Generated) -> None:
    """Twice as many buy as the scores say."""
    made.bought = made.bought | (made.chance.random(made.sessions) < 1 / (1 + np.exp(-made.logits)))


def scores_shuffled(made: Generated) -> None:
    """Scores have nothing to do with who buys."""
    made.logits = made.chance.permutation(made.logits)
