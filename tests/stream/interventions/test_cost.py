"""What a rule costs at an update, in CPU time."""

import time

import pytest

from stream.interventions.changes import compile_when
from stream.interventions.decide import decide
from stream.interventions.rule import EnrolledIntervention, compile_intervention
from tests.support.interventions import intervention
from tests.support.scored import SIGNALS, scored

ROUNDS, UPDATES = 9, 5_000


def microseconds(when: str, count: int) -> float:
    """CPU of one decision over so many rules that do not fire, the least of some rounds."""
    made = [intervention(f"rule-{number}", when) for number in range(count)]
    rules = [EnrolledIntervention(compile_intervention(each, compile_when(each.when)), False) for each in made]
    update = scored(5, signals=SIGNALS)

    def run() -> float:
        began = time.process_time()
        for _ in range(UPDATES):
            assert decide((), rules, update, lambda _: 12) == ()
        return (time.process_time() - began) / UPDATES * 1e6

    return min(run() for _ in range(ROUNDS))


@pytest.mark.long
@pytest.mark.parametrize("when", ["cart_value > 500 and page_views >= 3", "probability > 0.99 and idle_seconds >= 60"])
def test_a_rule_costs_a_microsecond_at_most(when: str, capsys: pytest.CaptureFixture[str]) -> None:
    each = (microseconds(when, 12) - microseconds(when, 0)) / 12
    with capsys.disabled():
        print(f"\n{when}: {each:.2f} us a rule and update")
    assert each < 1
