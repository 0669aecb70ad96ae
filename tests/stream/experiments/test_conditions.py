"""The language of conditions: what holds when, and errors that name the place and what may stand there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scoring.catalogue import catalogue
from stream.experiments.conditions import MOST_CHARACTERS, MOST_DEPTH, ConditionError, compile_condition
from stream.experiments.vocabulary import opening_names, update_names
from stream.scored import ScoredSession
from tests.support.scored import FEATURES, SIGNALS, scored


def an_update(**signals: Any) -> ScoredSession:
    return scored(features=structs.replace(FEATURES, Weekend=False), signals=structs.replace(SIGNALS, **signals))


UPDATE = an_update(cart_value=20.0, cart_adds=2, device_class="mobile", mean_scroll_depth=None)


@pytest.mark.parametrize(
    ("text", "probability", "band", "expected"),
    [
        pytest.param("cart_value > 19.5", 0.5, "low", True, id="a number"),
        pytest.param("cart_adds != 2", 0.5, "low", False, id="a count"),
        pytest.param("cart_adds in (1, 2, 3)", 0.5, "low", True, id="one of several numbers"),
        pytest.param("device_class == mobile", 0.5, "low", True, id="a category"),
        pytest.param("device_class in ('desktop', \"tablet\")", 0.5, "low", False, id="a category in quotes"),
        pytest.param("band >= building", 0.5, "high", True, id="a band by its order"),
        pytest.param("band >= building", 0.5, "low", False, id="a lower band"),
        pytest.param("band in (low, high)", 0.5, "high", True, id="one of several bands"),
        pytest.param("probability == 0.3", 0.3000004, "low", True, id="a probability to six digits"),
        pytest.param("Weekend", 0.5, "low", False, id="what is true or false stands alone"),
        pytest.param("Weekend == false", 0.5, "low", True, id="or is compared"),
        pytest.param("mean_scroll_depth > 1 or mean_scroll_depth <= 1", 0.5, "low", False, id="what is unknown"),
        pytest.param("mean_scroll_depth != 7", 0.5, "low", False, id="what is unknown, whichever comparison"),
        pytest.param("not mean_scroll_depth > 1", 0.5, "low", True, id="not of a false comparison"),
        pytest.param("Weekend or band == high and cart_value > 0", 0.5, "high", True, id="and before or"),
        pytest.param("(cart_value > 0 or Weekend) and band == high", 0.5, "low", False, id="parentheses"),
        pytest.param("not (Weekend or cart_value > 0)", 0.5, "low", False, id="not of parentheses"),
        pytest.param("cart_value>-1.5and band==low", 0.5, "low", None, id="a number ends where a word begins"),
    ],
)
def test_what_holds(text: str, probability: float, band: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ConditionError, match="character 12"):
            compile_condition(text, update_names())
        return
    assert compile_condition(text, update_names()).holds(UPDATE, probability, band) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "cart_valeu > 0", "character 1: 'cart_valeu' is no known name; known are probability, ", id="name"
        ),
        pytest.param("cart_value > ", "character 14: the end stands where one of these may: a number", id="no value"),
        pytest.param("cart_value > high", "character 14: 'high' stands where .* a number", id="no number"),
        pytest.param("band > 3", "character 8: '3' stands where .* low, building, high", id="no band"),
        pytest.param("device_class < mobile", "character 14: device_class has no order", id="no order"),
        pytest.param("cart_value", "character 11: the end stands where", id="a number alone"),
        pytest.param("Weekend Weekend", "character 9: 'Weekend' stands where .* and, or, the end", id="no and"),
        pytest.param("(Weekend", "character 9: the end stands where .* and, or, \\)", id="not closed"),
        pytest.param("cart_value > 1; drop", "character 15: ';' is no part", id="a sign that is none"),
        pytest.param("cart_value > 0 and and", "character 20: 'and' stands where .* a name", id="and twice"),
        pytest.param("cart_adds in ()", "character 15: '\\)' stands where .* a number", id="in of nothing"),
        pytest.param("", "character 1: the end stands where", id="nothing"),
        pytest.param("Weekend or " * 50 + "Weekend", f"{MOST_CHARACTERS} at most", id="too long"),
        pytest.param("(" * 40 + "Weekend" + ")" * 40, f"nested deeper than {MOST_DEPTH}", id="too deep"),
        pytest.param("not " * 40 + "Weekend", f"nested deeper than {MOST_DEPTH}", id="too deep by not"),
    ],
)
def test_errors_name_the_place(text: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        compile_condition(text, update_names())


def test_every_feature_and_signal_is_a_name_and_reads_off_an_update() -> None:
    assert set(update_names()) == {"probability", "band", *(each.name for each in catalogue().features)}
    for name, known in update_names().items():
        value = known.values[0] if known.values else "true" if known.kind == "boolean" else "1"
        assert compile_condition(f"{name} == {value}", update_names()).holds(UPDATE, 1.0, "low") in (True, False)


def test_an_opening_knows_no_score_and_no_cart() -> None:
    assert "probability" not in opening_names()
    with pytest.raises(ConditionError, match="no known name"):
        compile_condition("cart_value > 0", opening_names())


@given(st.text("abn dor()<>=!,.'\"0129_é\n" + "bandWeekendnotinhigh", max_size=40))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    try:
        compile_condition(text, update_names()).holds(UPDATE, 0.5, "low")
    except ConditionError:
        return
