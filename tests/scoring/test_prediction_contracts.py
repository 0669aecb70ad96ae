"""Predictions by models of either feature contract: signals are optional, unknown is not 0, and nothing is ignored
without a word.
"""

import csv
import io
import json
from math import isnan, nan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from deploy.wiring import models
from ingest.commerce import Commerce, CommerceItem
from scoring import registry
from scoring.contracts import CONTRACTS, SESSION, UCI
from scoring.features import NAMES
from scoring.prediction import FIELDS, RATE_FIELDS, SESSION_FIELDS, PredictionRequest, decode
from scoring.prediction_rows import input_rows, named_values, unused
from scoring.signals import SIGNALS as SIGNAL_NAMES
from stream.scored import SessionUpdate
from tests.support.events import NOON, event
from tests.support.log import folded, log_of
from tests.support.predictions import EXAMPLE, SIGNALS, app, both_contracts, client

JSON, CSV = {"content-type": "application/json"}, {"content-type": "text/csv"}
WHOLE = EXAMPLE | SIGNALS
CART = Commerce("add_to_cart", None, "EUR", (CommerceItem("shoe", 2, 50.0),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of both contracts whose current model is of contract 2."""
    return both_contracts(tmp_path_factory.mktemp("models"))


def request_of(update: SessionUpdate) -> PredictionRequest:
    """The session as a client would say it who reads it from a record."""
    features = {field: getattr(update.features, name) for name, field in zip(NAMES, FIELDS, strict=True)}
    signals = msgspec.to_builtins(update.signals)
    known = signals.pop("has_page_statistics")
    return decode(msgspec.json.encode(features | signals | ({} if known else dict.fromkeys(RATE_FIELDS))))


def table(*sessions: dict[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[*sessions[0]], *([*each.values()] for each in sessions)])
    return text.getvalue()


def test_the_fields_are_the_columns_of_both_contracts() -> None:
    assert (*FIELDS, *SIGNAL_NAMES) == SESSION_FIELDS
    assert [len(each.names) for each in CONTRACTS.values()] == [len(FIELDS), len(SESSION_FIELDS)]
    assert EXAMPLE.keys() | SIGNALS.keys() == set(SESSION_FIELDS)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([event(1)], id="one page view"),
        pytest.param([event(1), event(2, NOON + 1, type="commerce", commerce=CART), event(3, NOON + 2)], id="a cart"),
    ],
)
def test_a_prediction_takes_the_row_that_live_scoring_takes(events: list[Any]) -> None:
    update = folded(log_of(events)).sessions[-1]
    request = request_of(update)
    np.testing.assert_array_equal(input_rows([request], SESSION), SESSION.rows([update]))
    assert list(named_values(request, SESSION)) == [value_of(update) for value_of in SESSION.getters]
    zeros = msgspec.structs.replace(request, **dict.fromkeys(RATE_FIELDS, 0.0))
    np.testing.assert_array_equal(input_rows([zeros], UCI), UCI.rows([update]))


def test_what_is_left_out_is_unknown() -> None:
    row = dict(zip(SESSION_FIELDS, input_rows([decode(json.dumps(EXAMPLE).encode())], SESSION)[0], strict=True))
    assert {name for name, value in row.items() if isnan(value)} == set(SIGNAL_NAMES)


async def test_left_out_and_null_are_one_and_0_is_another(folder: Path) -> None:
    async with client(folder) as http:
        said = [
            (await http.post("/predict", json=each)).json()["probability"]
            for each in (EXAMPLE, EXAMPLE | dict.fromkeys(SIGNALS), EXAMPLE | {"cart_value": 0.0}, WHOLE)
        ]
    assert said[0] == said[1]
    assert len(set(said)) == 3


async def test_both_contracts_answer_one_session_side_by_side(folder: Path, tmp_path: Path) -> None:
    sessions = [WHOLE, WHOLE | {"cart_value": None}, EXAMPLE]
    requests = [decode(json.dumps(each).encode()) for each in sessions]
    answers = {}
    for version, made_for in ((registry.current(), UCI), ("session", SESSION)):
        own = both_contracts(tmp_path / version, version)
        expected = registry.load(own, version).score(input_rows(requests, made_for)).probability
        async with client(own) as http:
            single = [await http.post("/predict", json=each) for each in sessions]
            many = (await http.post("/predict/batch", json=sessions)).json()
        assert {each.headers["x-opecom-model"] for each in single} == {version}
        for said in ([each.json() for each in single], many):
            assert [each["probability"] for each in said] == pytest.approx(expected.tolist(), abs=2e-6)
        answers[version] = [
            (each.json().get("unused"), batch.get("unused")) for each, batch in zip(single, many, strict=True)
        ]
    names, but_one = list(SIGNAL_NAMES), [name for name in SIGNAL_NAMES if name != "cart_value"]
    assert answers == {
        registry.current(): [(names, names), (but_one, but_one), (None, None)],
        "session": [(None, None)] * 3,
    }


def test_a_contract_that_has_all_fields_leaves_none_unused() -> None:
    request = decode(json.dumps(WHOLE).encode())
    assert (unused(request, SESSION), unused(request, UCI)) == ((), SIGNAL_NAMES)


async def test_reasons_have_the_names_of_the_contract_and_read_unknown(folder: Path) -> None:
    async with client(folder) as http:
        said = [(await http.post("/predict?reasons=true", json=each)).json() for each in (WHOLE, EXAMPLE)]
        many = (await http.post("/predict/batch?reasons=true", json=[WHOLE, EXAMPLE])).json()
    assert [each["reasons"] for each in many] == [each["reasons"] for each in said]
    reasons = [reason for each in said for reason in each["reasons"]]
    assert {reason["feature"] for reason in reasons} <= set(SESSION.names)
    unknown = [reason for reason in reasons if reason["value"] is None]
    assert unknown
    assert all(", unknown, " in reason["text"] for reason in unknown)


async def test_unknown_page_statistics_are_for_models_of_contract_2(folder: Path) -> None:
    given = EXAMPLE | {"exit_rates": None}
    rest = EXAMPLE | {"exit_rates": ""}
    async with client() as first, client(folder) as second:
        refused = [
            await first.post("/predict", json=given),
            await first.post("/predict/batch", json=[EXAMPLE, given]),
            await first.post("/predict/batch", content=table(EXAMPLE, rest), headers=CSV),
        ]
        taken = [
            await second.post("/predict", json=given),
            await second.post("/predict/batch", json=[EXAMPLE, given]),
            await second.post("/predict/batch", content=table(EXAMPLE, rest), headers=CSV),
        ]
    line = (
        "exit_rates: only models of feature contract 2 take unknown (null, or an empty cell), and the one that "
        "answers is of contract 1: give a number, 0 where there are no page statistics"
    )
    assert [each.status_code for each in (*refused, *taken)] == [422] * 3 + [200] * 3
    assert [each.json()["reason"] for each in refused] == [line, f"session 1, {line}", f"row 2, {line}"]
    [single, many, text] = taken
    assert many.json()[1]["probability"] == pytest.approx(single.json()["probability"], abs=2e-6)
    assert float(list(csv.DictReader(io.StringIO(text.text)))[1]["probability"]) == many.json()[1]["probability"]


@pytest.mark.parametrize("current", [pytest.param(False, id="contract 1"), pytest.param(True, id="contract 2")])
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        pytest.param("cart_value", -1, "cart_value: Expected `float` >= 0.0", id="a negative amount"),
        pytest.param("searches", -1, "searches: Expected `int` >= 0", id="a negative count"),
        pytest.param("cart_quantity", "two", "cart_quantity: Expected `float`, got `str`", id="a text"),
        pytest.param("engaged_seconds", nan, "engaged_seconds: not a JSON number", id="NaN"),
        pytest.param("elapsed_seconds", 1e30, "elapsed_seconds: Expected `float` <= 1000000000.0", id="seconds"),
        pytest.param("mean_scroll_depth", 101, "mean_scroll_depth: Expected `float` <= 100.0", id="a depth"),
        pytest.param("checkout_step", 4, "checkout_step: Expected `int` <= 3", id="a step"),
        pytest.param("hour", 24, "hour: Expected `int` <= 23", id="an hour"),
        pytest.param("page_views", 2.5, "page_views: Expected `int`, got `float`", id="half a page view"),
        pytest.param("events", True, "events: Expected `int`, got `bool`", id="a truth"),
        pytest.param("days_since_previous_session", 1e6, "days_since_previous_session: Expected", id="days"),
        pytest.param(
            "device_class", "phone", "device_class: 'phone' is not one of desktop, mobile, tablet, other", id="a device"
        ),
        pytest.param("last_page_type", 3, "last_page_type: Expected `str`, got `int`", id="a code for a name"),
        pytest.param("cart_total", 3, "unknown field `cart_total`", id="an unknown name"),
    ],
)
async def test_a_signal_that_cannot_be_used_is_named_in_one_line(
    folder: Path, current: bool, field: str, value: Any, says: str
) -> None:
    body = json.dumps(WHOLE | {field: value})
    async with client(folder if current else None) as http:
        single = await http.post("/predict", content=body, headers=JSON)
        many = await http.post("/predict/batch", content=f"[{json.dumps(EXAMPLE)},{body}]", headers=JSON)
    for each in (single, many):
        assert each.status_code == 422
        assert says in each.json()["reason"]
        assert "\n" not in each.json()["reason"]


async def test_a_whole_signal_may_be_written_with_a_point(folder: Path) -> None:
    async with client(folder) as http:
        pointed = (await http.post("/predict", json=WHOLE | {"searches": 2.0, "checkout_step": 1.0})).json()
        plain = (await http.post("/predict", json=WHOLE)).json()
    assert pointed["probability"] == plain["probability"]


async def test_csv_has_signals_in_any_order_and_an_empty_cell_is_unknown(folder: Path) -> None:
    some = {"cart_value": 149.9, "device_class": "tablet", "searches": 3}
    given = dict(reversed([*(EXAMPLE | some).items()]))
    async with client(folder) as http:
        answers = (await http.post("/predict/batch", json=[EXAMPLE | some, EXAMPLE])).json()
        text = await http.post("/predict/batch", content=table(given, given | dict.fromkeys(some, "")), headers=CSV)
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert [float(row["probability"]) for row in rows] == [each["probability"] for each in answers]
    assert "x-opecom-unused" not in text.headers


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"cart_value": "-3"}, "row 2, cart_value: Expected `float` >= 0.0, not '-3'", id="negative"),
        pytest.param({"cart_value": "nan"}, "row 2, cart_value: Expected `float` >= 0.0, not 'nan'", id="NaN"),
        pytest.param({"hour": "late"}, "row 2, hour: Expected `int`", id="a text"),
        pytest.param({"device_class": "phone"}, "row 2, device_class: 'phone' is not one of desktop", id="a device"),
        pytest.param({"month": ""}, "row 2, month: '' is not one of Jan", id="a feature that is never unknown"),
    ],
)
async def test_a_cell_that_cannot_be_used_is_one_line_with_its_row(
    folder: Path, given: dict[str, Any], says: str
) -> None:
    async with client(folder) as http:
        answer = await http.post("/predict/batch", content=table(WHOLE, WHOLE | given), headers=CSV)
    assert answer.status_code == 422
    assert says in answer.json()["reason"]
    assert "\n" not in answer.json()["reason"]


async def test_to_contract_1_signals_are_columns_like_any_other_and_are_named() -> None:
    async with client() as http:
        plain = await http.post("/predict/batch", content=table(EXAMPLE), headers=CSV)
        answer = await http.post(
            "/predict/batch", content=table(EXAMPLE | {"hour": "14:05", "cart_value": "much"}), headers=CSV
        )
    assert (answer.status_code, answer.text) == (200, plain.text)
    assert answer.headers["x-opecom-unused"] == "cart_value,hour"
    assert "x-opecom-unused" not in plain.headers


async def test_a_promotion_takes_predictions_from_one_contract_to_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "LOOK_EVERY", 0.0)
    own = both_contracts(tmp_path, registry.current())
    async with client(own) as http:
        answers = []
        for version in (registry.current(), "session", registry.current()):
            registry.promote(own, version)
            answers.append(await http.post("/predict", json=WHOLE))
    assert [each.headers["x-opecom-model"] for each in answers] == [registry.current(), "session", registry.current()]
    assert ["unused" in each.json() for each in answers] == [True, False, True]
    assert answers[0].json()["probability"] == answers[2].json()["probability"]


def test_the_document_requires_the_seventeen_and_offers_the_signals() -> None:
    schema = app().openapi()["components"]["schemas"]["PredictionRequest"]
    assert schema["required"] == list(FIELDS)
    assert list(schema["properties"]) == list(SESSION_FIELDS)
    assert {"type": "null"} in schema["properties"]["cart_value"]["anyOf"]
    assert {"type": "null"} not in schema["properties"]["special_day"].get("anyOf", [])
