"""Moves the four free weights of the table until the exact solution has the wanted facts."""

from functools import lru_cache
from math import log

from msgspec.structs import astuple

from deploy.errors import SetupError
from deploy.simulate.shop.chain import Chain, Shifts, chain
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.solve import facts

#: Conversions for which the other facts can hold as well.
LEAST_CONVERSION, MOST_CONVERSION = 0.0005, 0.12
#: Shifts count rounded, so that the last bits of a machine's linear algebra change no event.
DIGITS = 6
MOST_ROUNDS = 200
NEAR = 1e-6
#: The answer for the facts as they are by default.
START = Shifts(0.92062, 0.308203, 0.726812, -0.376694)


@lru_cache(8)
def calibrated(wanted: ShopFacts) -> Chain:
    """The chain that has these facts; raises SetupError where none has."""
    if not LEAST_CONVERSION <= wanted.conversion <= MOST_CONVERSION:
        raise SetupError(
            f"--conversion {wanted.conversion:g}: the generated shop can have {LEAST_CONVERSION:g} to "
            f"{MOST_CONVERSION:g}, as {wanted.of_carts:.0%} of its sessions with a cart buy"
        )
    shifts = START
    for _ in range(MOST_ROUNDS):
        found = facts(chain(shifts))
        errors = _errors(found, wanted)
        if max(map(abs, errors)) < NEAR:
            return chain(Shifts(*(round(shift, DIGITS) for shift in shifts)))
        shifts = Shifts(*(shift + error for shift, error in zip(shifts, errors, strict=True)))
    raise SetupError(f"no generated shop has these facts: {wanted}")


def _errors(found: ShopFacts, wanted: ShopFacts) -> tuple[float, ...]:
    """By how much the log-odds of bouncing, of a cart, of a checkout from a cart and of an order from it are off."""
    return tuple(
        _logit(goal) - _logit(here) for here, goal in zip(_independent(found), _independent(wanted), strict=True)
    )


def _independent(given: ShopFacts) -> tuple[float, float, float, float]:
    bounce, conversion, of_carts, of_checkouts = astuple(given)
    return bounce, conversion / of_carts, of_carts / of_checkouts, of_checkouts


def _logit(share: float) -> float:
    return log(share / (1 - share))
