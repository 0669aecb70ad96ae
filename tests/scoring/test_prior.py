"""A model of another shop on a site: the base rate, money, the cart, and reasons that still add up."""

from typing import Any

import msgspec
import numpy as np
import pytest

from scoring import registry
from scoring.features import Features
from scoring.manifest import TrainingShop, band_of
from scoring.model import ConstantModel, Model
from scoring.prior import first_limits
from scoring.signals import Signals
from scoring.site_bands import SiteClassifier
from scoring.site_profile import KEPT_ODDS, BandLimits, PageLevels, SiteProfile, kept
from scoring.site_scores import SiteScores, score_sessions
from tests.support.scored import FEATURES

SHOP = TrainingShop(
    level=-3.0, level_with_statistics=-4.0, bounce_rate=0.02, exit_rate=0.04, page_value=6.0, site="uci"
)
SIGNALS = Signals(
    *(3, 5, 60.0, 20.0, None, 3, 0, "ProductRelated", 4.0, 0, 0, 0, 0.0, 0.0, 0, 0, 12, None, None, None, None, True)
)


class One(msgspec.Struct):
    features: Features = FEATURES
    signals: Signals | None = SIGNALS


def constant(probability: float, shop: TrainingShop | None = SHOP) -> ConstantModel:
    model = ConstantModel(probability)
    model.manifest = msgspec.structs.replace(model.manifest, training_shop=shop, reference_probability=probability)
    return model


def with_cart(quantity: float | None, step: int = 0) -> One:
    return One(FEATURES, msgspec.structs.replace(SIGNALS, cart_quantity=quantity, checkout_step=step))


def scores_of(model: Model, *sessions: One, profile: SiteProfile | None = None, events: int = 5) -> SiteScores:
    profile = profile or SiteProfile("shop")
    return score_sessions(model, sessions, [events] * len(sessions), [profile] * len(sessions))


def test_the_probability_moves_to_the_sites_conversion() -> None:
    by_rate = [
        float(scores_of(constant(0.15), One(), profile=SiteProfile("shop", rate)).probability[0])
        for rate in (0.001, 0.03, 0.15, 0.5, 0.999)
    ]
    assert by_rate == sorted(by_rate)
    odds = [each / (1 - each) for each in by_rate]
    expected = [rate / (1 - rate) for rate in (0.001, 0.03, 0.15, 0.5, 0.999)]
    # One factor for all rates: what a session of so many events with nothing in the cart is above or below any other.
    assert np.ptp(np.log(odds) - np.log(expected)) == pytest.approx(0, abs=1e-9)


def test_a_cart_raises_it_and_a_checkout_more() -> None:
    found = scores_of(constant(0.15), One(), with_cart(2), with_cart(None), with_cart(2, 1), with_cart(0, 2))
    none, cart, unknown, checkout, without = found.probability
    assert none < cart == unknown < checkout
    assert none < without < checkout


@pytest.mark.parametrize("model", ["constant", "shipped"])
def test_reasons_add_up_and_name_the_cart(model: str) -> None:
    scored = scores_of(
        constant(0.15) if model == "constant" else registry.load(), One(), with_cart(2), with_cart(2, 3), events=4
    )
    reference = scored.probability - scored.reasons.sum(axis=1, dtype=np.float64)
    # The same for all: the reference session on this site, with nothing in its cart.
    assert np.ptp(reference) < 1e-6
    places = [scored.names.index(name, 17) for name in ("cart_quantity", "checkout_step")]
    assert (scored.reasons[0][places] == 0).all()
    assert (scored.reasons[1][places] > 0).tolist() == [True, False]
    assert (scored.reasons[2][places] > 0).all()


@pytest.mark.parametrize(
    ("shop", "site"), [pytest.param(SHOP, "uci", id="learned from this site"), pytest.param(None, "shop", id="no shop")]
)
def test_what_is_learned_from_the_site_is_not_corrected(shop: Any, site: str) -> None:
    scored = scores_of(constant(0.4, shop), with_cart(2, 3), profile=SiteProfile(site, 0.001))
    assert scored.probability[0] == 0.4
    assert len(scored.names) == 17


def test_one_batch_has_sites_of_both_kinds() -> None:
    model = constant(0.4)
    mixed = score_sessions(model, [One(), One()], [5, 5], [SiteProfile("uci"), SiteProfile("shop")])
    assert mixed.probability[0] == 0.4
    assert mixed.probability[1] == scores_of(model, One()).probability[0]
    assert mixed.reasons.shape == (2, len(mixed.names)) == (2, 21)


@pytest.mark.parametrize("factor", [0.01, 1.0, 150.0])
def test_amounts_in_another_currency_give_the_same_score(factor: float) -> None:
    levels = PageLevels(0.4, 0.3, 2.0 * factor)
    session = One(msgspec.structs.replace(FEATURES, PageValues=7.0 * factor, BounceRates=0.3, ExitRates=0.2))
    one = One(msgspec.structs.replace(FEATURES, PageValues=7.0, BounceRates=0.3, ExitRates=0.2))
    model = registry.load()
    found = scores_of(model, session, profile=SiteProfile("shop", levels=levels))
    same = scores_of(model, one, profile=SiteProfile("shop", levels=PageLevels(0.4, 0.3, 2.0)))
    assert found.probability[0] == pytest.approx(same.probability[0], abs=1e-6)


def test_a_site_without_sales_has_levels_that_divide_nothing() -> None:
    scored = scores_of(registry.load(), One(), profile=SiteProfile("shop", levels=PageLevels(0.0, 0.0, 0.0)))
    assert np.isfinite(scored.probability).all()


def test_no_sessions_are_no_scores() -> None:
    assert score_sessions(constant(0.4), [], [], []).probability.shape == (0,)


def test_bands_are_the_sites_own_by_number_of_events_else_the_first_days() -> None:
    classify = SiteClassifier(constant(0.4).manifest).classify
    limits = (BandLimits(2, 0.1, 0.2), BandLimits(6, 0.3, 0.5))
    profile = SiteProfile("shop", limits=limits, limits_of="constant")
    bands = [classify(0.25, profile, events).band for events in (2, 5, 6, 99)]
    assert bands == ["high", "high", "low", "low"]
    building, high = first_limits(profile)
    assert [classify(each, profile, 1).band for each in (building - 0.01, building, high)] == [
        *("low", "building", "high")
    ]
    other = msgspec.structs.replace(profile, limits_of="another model")
    assert classify(0.25, other, 5).band == classify(0.25, SiteProfile("shop"), 5).band


def test_the_model_of_the_site_has_its_own_threshold_whatever_the_bands() -> None:
    limits = (BandLimits(1, 0.1, 0.2),)
    found = SiteClassifier(constant(0.4).manifest).classify(0.25, SiteProfile("uci", limits=limits), 5)
    assert (found.label, found.band) == ("NO", "high")


def test_a_band_is_kept_down_to_a_part_of_its_odds() -> None:
    limits = (0.2, 0.5)
    building, high = kept(limits)
    assert high / (1 - high) == pytest.approx(KEPT_ODDS)
    assert band_of(0.45, limits) == "building"
    assert band_of(0.45, (building, high)) == "high"


@pytest.mark.parametrize("conversion", [0.005, 0.03, 0.1])
def test_a_cart_and_a_checkout_come_to_their_shares_whatever_the_conversion(conversion: float) -> None:
    profile = SiteProfile("shop", conversion)
    cart, checkout = scores_of(constant(0.05), with_cart(2), with_cart(2, 1), profile=profile).probability
    assert cart == pytest.approx(0.30, abs=0.1)
    assert checkout == pytest.approx(0.55, abs=0.12)


def test_where_more_buy_than_have_a_cart_elsewhere_a_cart_lowers_nothing() -> None:
    profile = SiteProfile("shop", 0.6)
    none, cart = scores_of(constant(0.15), One(), with_cart(1), profile=profile).probability
    assert cart == none
