"""The two feature contracts: what a row has, and what is unknown in it."""

from math import isnan
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ingest.commerce import Commerce, CommerceItem
from ingest.events import UseModel
from scoring import registry
from scoring.contracts import CONTRACTS, SESSION, UCI, ContractError, contract
from scoring.features import NAMES
from scoring.signals import RATES, SESSION_NAMES, SIGNALS
from stream.scored import SessionUpdate
from stream.step import probabilities, score
from tests.support.events import NOON, event
from tests.support.log import folded, log_of
from tests.support.models import add_session_model

CART = Commerce("add_to_cart", None, "EUR", (CommerceItem("shoe", 2, 50.0),))
EVENTS = [event(1), event(2, NOON + 1, type="commerce", commerce=CART), event(3, NOON + 2)]


def last_of(*records: object) -> SessionUpdate:
    return folded(log_of(records or EVENTS)).sessions[-1]


def test_contract_2_has_the_seventeen_and_the_signals() -> None:
    update = last_of()
    [row] = SESSION.rows([update])
    assert (len(UCI.names), len(SESSION.names), SESSION.names[:17]) == (17, 38, NAMES)
    known = [place for place in range(17) if not isnan(row[place])]
    np.testing.assert_array_equal(UCI.rows([update])[0][known], row[known])
    signals = dict(zip(SIGNALS, row[17:], strict=True))
    assert [signals[name] for name in ("cart_quantity", "cart_value", "page_views")] == [2, 100, 2]


def test_without_page_statistics_rates_are_unknown_to_contract_2_alone() -> None:
    update = last_of()
    assert np.isnan(SESSION.rows([update])[0][RATES]).all()
    assert (UCI.rows([update])[0][RATES] == 0).all()
    assert [value_of(update) for value_of in SESSION.getters[RATES]] == [None, None, None]


def test_what_is_not_reported_is_unknown_and_what_did_not_happen_is_zero() -> None:
    row = dict(zip(SESSION_NAMES, SESSION.rows([last_of(event(1))])[0], strict=True))
    unknown = {name for name, value in row.items() if isnan(value)} - set(NAMES)
    assert unknown == {
        *("mean_scroll_depth", "seconds_since_previous_event", "device_class"),
        *("previous_sessions", "previous_purchases", "days_since_previous_session"),
    }
    assert (row["cart_value"], row["cart_adds"], row["searches"]) == (0, 0, 0)


def test_a_record_of_before_there_were_signals_has_no_row_of_contract_2() -> None:
    older = msgspec.structs.replace(last_of(), signals=None)
    assert UCI.rows([older]).shape == (1, 17)
    with pytest.raises(ContractError, match="opecom replay"):
        SESSION.rows([older])


def test_an_unknown_contract_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ContractError, match=r"contract 3 is unknown .* 1 \(uci\) and 2 \(session\)"):
        contract(max(CONTRACTS) + 1)


def test_both_contracts_score_one_log_across_a_promotion(tmp_path: Path) -> None:
    shipped = registry.current()
    registry.seed(tmp_path)
    add_session_model(tmp_path, "session")
    records = [*EVENTS, UseModel("session"), event(4, NOON + 3), UseModel(shipped), event(5, NOON + 4)]
    updates = folded(log_of(records)).updates

    def models(version: str) -> registry.OnnxModel:
        return registry.load(tmp_path, version)

    scored = [update.record for ready in score(updates, models) for update in ready]
    assert [each.model_version for each in scored] == [*[shipped] * 3, "session", shipped]
    alone = registry.load(tmp_path, "session").score(SESSION.rows([scored[3]]))
    assert scored[3].probability == pytest.approx(float(alone.probability[0]), abs=1e-6)
    assert all(reason.feature in SESSION.names for reason in scored[3].reasons)
    assert [(version, probability) for _, probability, version in probabilities(updates, models)] == [
        (each.model_version, pytest.approx(each.probability, abs=1e-6)) for each in scored
    ]
