"""The chain of the generated shop, against its facts and against the sessions that are drawn from it."""

from collections import defaultdict
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from deploy.errors import SetupError
from deploy.simulate.shop import parameters as table
from deploy.simulate.shop.calibrate import calibrated
from deploy.simulate.shop.chain import ENDS, Chain, VisitState, following
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.shop import ShopParameters, visits
from deploy.simulate.shop.solve import facts, first_states, truth
from deploy.simulate.shop.visit import ShopVisit

#: Sessions that are drawn; with a fixed seed, so that the intervals below hold or do not.
SESSIONS = 6_000
#: Standard deviations that a frequency may be off: of some hundred frequencies none is further by chance.
FAR = 4.0


@pytest.fixture(scope="module")
def chain() -> Chain:
    return calibrated(ShopFacts())


@pytest.fixture(scope="module")
def drawn() -> list[ShopVisit]:
    return visits(ShopParameters(SESSIONS, seed=11))


def test_the_facts_hold_exactly(chain: Chain) -> None:
    found = facts(chain)
    assert found.bounce == pytest.approx(0.40, abs=1e-5)
    assert found.conversion == pytest.approx(0.03, abs=1e-5)
    # Baymard Institute: the mean of documented cart abandonment is 70 %.
    assert 1 - found.of_carts == pytest.approx(0.70, abs=1e-5)
    assert found.of_checkouts == pytest.approx(0.55, abs=1e-5)


@pytest.mark.parametrize("conversion", [0.0005, 0.01, 0.12])
def test_another_conversion_leaves_the_other_facts_as_they_are(conversion: float) -> None:
    found = facts(calibrated(ShopFacts(conversion=conversion)))
    assert found.conversion == pytest.approx(conversion, rel=1e-4)
    assert (found.bounce, found.of_carts, found.of_checkouts) == pytest.approx((0.40, 0.30, 0.55), abs=1e-5)


@pytest.mark.parametrize("conversion", [0.0, 0.0001, 0.3, 1.0, float("nan")])
def test_a_conversion_that_no_such_shop_has_is_refused_in_one_line(conversion: float) -> None:
    with pytest.raises(SetupError, match=r"--conversion .*: the generated shop can have 0.0005 to 0.12") as refused:
        calibrated(ShopFacts(conversion=conversion))
    assert "\n" not in str(refused.value)


def test_traits_are_shares_of_all_sessions(chain: Chain) -> None:
    assert sum(segment.share for segment in chain.segments) == pytest.approx(1)
    for traits in (table.VISITORS, table.DEVICES, table.SOURCES):
        assert sum(trait.share for trait in traits.values()) == pytest.approx(1)
    assert first_states(chain).sum(1) == pytest.approx(1)


def test_an_order_needs_a_checkout_and_a_checkout_needs_a_cart(chain: Chain) -> None:
    for number, state in enumerate(chain.states):
        assert (state.step == 0) or state.cart > 0
        if chain.moves[:, :, number, len(chain.states) + ENDS.index("buy")].any():
            assert state.kind == "payment"


def test_emptying_the_cart_takes_the_checkout_back() -> None:
    begun = VisitState("cart", cart=1, step=2)
    assert following(begun, "removed") == VisitState("removed", products=3)


def test_the_solution_satisfies_the_equations_of_the_chain(chain: Chain) -> None:
    known = truth(chain)
    after = np.concatenate([known.state, np.zeros((len(known.state), 1)), np.ones((len(known.state), 1))], axis=1)
    assert np.allclose((chain.mean_moves * after[:, None, :]).sum(-1), known.state, atol=1e-12)
    assert ((known.state > 0) & (known.state < 1)).all()


def test_what_lies_nearer_to_the_order_is_likelier_to_buy(chain: Chain) -> None:
    known = truth(chain).state
    row = [
        VisitState("home", landing=True),
        VisitState("product", products=3),
        VisitState("added", cart=1),
        VisitState("cart", cart=1),
        VisitState("checkout", cart=1, step=1),
        VisitState("shipping", cart=1, step=2),
        VisitState("payment", cart=1, step=3),
    ]
    assert (np.diff(known[:, [chain.number(state) for state in row]], axis=1) > 0).all()


def test_the_truth_of_each_kind_of_event_is_its_frequency(drawn: list[ShopVisit]) -> None:
    """By event type and action, and by tenths of the truth: buyers are as many as the truth expects."""
    groups: dict[tuple[str, ...], list[tuple[float, bool]]] = defaultdict(list)
    for visit in drawn:
        # Of a session one event in each group, as events of one session share its fate.
        seen: dict[tuple[str, ...], float] = {}
        for event in visit.walk():
            if event.truth is not None:
                commerce = event.member.get("commerce")
                seen.setdefault((event.type, commerce.action if commerce else ""), event.truth)
                seen.setdefault(("tenth", str(int(event.truth * 10))), event.truth)
        for group, value in seen.items():
            groups[group].append((value, visit.bought))
    assert len(groups) > 15
    for group, members in groups.items():
        truths, bought = (np.array(column, float) for column in zip(*members, strict=True))
        spread = sqrt((truths * (1 - truths)).sum())
        assert abs(bought.sum() - truths.sum()) <= FAR * spread + 1e-9, group


def test_the_truth_neither_rises_nor_falls_in_the_mean(drawn: list[ShopVisit]) -> None:
    """What is known after an event is in the mean what was known at it, whatever the event was: else the truth of some
    event leaves out what the event says. After the last one it is the outcome."""
    changes: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for visit in drawn:
        walk = [event for event in visit.walk() if event.truth is not None]
        known = [event.truth for event in walk] + [float(visit.bought)]
        for number, (event, (before, after)) in enumerate(zip(walk, pairwise(known), strict=True), 1):
            commerce = event.member.get("commerce")
            changes[event.type, commerce.action if commerce else ""].append(after - before)
            changes["number", str(min(number, 25))].append(after - before)
    assert len(changes) > 30
    for group, each in changes.items():
        assert abs(np.sum(each)) <= FAR * sqrt(np.square(each).sum()) + 1e-9, group


def test_the_drawn_sessions_have_the_facts(drawn: list[ShopVisit]) -> None:
    walks = [list(visit.walk()) for visit in drawn]
    views = np.array([sum(event.type == "page_view" for event in walk) for walk in walks])
    bought = np.array([visit.bought for visit in drawn])
    carts, checkouts = (
        np.array([any(is_action(event.member, action) for event in walk) for walk in walks])
        for action in ("add_to_cart", "begin_checkout")
    )
    for share, among, fact in (
        (views == 1, np.ones_like(bought), 0.40),
        (bought, np.ones_like(bought), 0.03),
        (bought, carts, 0.30),
        (bought, checkouts, 0.55),
    ):
        assert abs(share[among].mean() - fact) <= FAR * sqrt(fact * (1 - fact) / among.sum())


def is_action(member: dict[str, object], action: str) -> bool:
    commerce = member.get("commerce")
    return getattr(commerce, "action", None) == action


def test_the_truth_of_a_session_that_ends_is_its_outcome(drawn: list[ShopVisit]) -> None:
    for visit in drawn[:500]:
        last = list(visit.walk())[-1]
        assert (last.truth is None) == visit.bought
        assert last.type != "session_end" or last.truth == 0.0
