"""The truth of a chain: exact probabilities that a session buys, and the facts that follow. Pure."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from deploy.simulate.shop.chain import Chain, entrances, is_page
from deploy.simulate.shop.parameters import ShopFacts


class Truth(Struct, frozen=True):
    """Probabilities that the session buys. float64[segments, ...]: at its start; in a state, when its page has just
    come; in a state, once it is known whether the page is read, [segments, read, states]; and once it is known, too,
    that the page is being left, so that nothing more is put into the cart on it."""

    start: NDArray[np.float64]
    state: NDArray[np.float64]
    reading: NDArray[np.float64]
    leaving: NDArray[np.float64]


def truth(made: Chain) -> Truth:
    """The absorbing probabilities of an order."""
    state = absorbed(made.mean_moves)
    after = np.concatenate([state, np.zeros((len(state), 1)), np.ones((len(state), 1))], axis=1)
    reading = np.einsum("grst,gt->grs", made.moves, after)
    left = made.moves * np.array([*(is_page(each.kind) for each in made.states), True, True])
    leaving = np.einsum("grst,gt->grs", left, after) / left.sum(-1)
    return Truth((first_states(made) * state).sum(1), state, reading, leaving)


def facts(made: Chain) -> ShopFacts:
    """The shares of all sessions, by the exact solution."""
    shares = np.array([segment.share for segment in made.segments])
    first, moves = first_states(made), made.mean_moves

    def share(probabilities: NDArray[np.float64]) -> float:
        return float((shares * (first * probabilities).sum(1)).sum())

    bought = share(absorbed(moves))
    carts = share(reached(moves, np.array([state.cart > 0 for state in made.states])))
    checkouts = share(reached(moves, np.array([state.step > 0 for state in made.states])))
    viewed_again = share(reached(moves, np.array([is_page(state.kind) and not state.landing for state in made.states])))
    return ShopFacts(1 - viewed_again, bought, bought / carts, bought / checkouts)


def first_states(made: Chain) -> NDArray[np.float64]:
    """The probability of each first state, float64[segments, states]."""
    first = np.zeros((len(made.segments), len(made.states)))
    for row, segment in zip(first, made.segments, strict=True):
        for state, probability in entrances(segment.source).items():
            row[made.number(state)] = probability
    return first


def absorbed(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability that an order comes, by state, float64[segments, states]."""
    states = moves.shape[1]
    return _solved(moves[:, :, :states], moves[:, :, -1])


def reached(moves: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The probability that one of the wanted states comes (1 in each of them), float64[segments, states]."""
    states = moves.shape[1]
    rest = np.flatnonzero(~wanted)
    between = moves[:, rest][:, :, rest]
    found = np.ones(moves.shape[:2])
    found[:, rest] = _solved(between, moves[:, rest, :states][:, :, wanted].sum(-1))
    return found


def _solved(between: NDArray[np.float64], at_once: NDArray[np.float64]) -> NDArray[np.float64]:
    """x = between x + at_once, for each segment."""
    found = np.linalg.solve(np.eye(between.shape[1]) - between, at_once[..., None])[..., 0]
    return found.astype(np.float64)
