"""A reading in words: what they say follows from the interval."""

import pytest
from msgspec.structs import replace

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.reading import ExperimentDesign, read
from scoring.experiments.words import cautions, conclusions

DESIGN = ExperimentDesign(arms=("control", "coupon"), shares=(50, 50), planned_visitors=20_000)


@pytest.mark.parametrize(
    ("uplift", "words", "caution"),
    [
        pytest.param(0.6, "coupon: more than control in conversion: +", "", id="more"),
        pytest.param(-0.6, "coupon: less than control in conversion: -", "", id="less"),
        pytest.param(0.0, "coupon: no difference to control is shown in conversion", "is not “no effect”", id="none"),
    ],
)
def test_the_first_line_is_the_interval_in_words(uplift: float, words: str, caution: str) -> None:
    report = read(DESIGN, generated(GeneratedFacts(base=0.05, uplift=uplift), (1,)), 28)
    [line] = conclusions(DESIGN, report)
    assert line.startswith(words)
    assert ("times as much" in line) is True
    assert any(caution in each for each in cautions(DESIGN, report, is_written_before=True))
    early = replace(DESIGN, planned_visitors=40_000)
    is_early = any("found early" in each for each in cautions(early, report, is_written_before=True))
    assert is_early == (uplift != 0)


def test_what_was_not_written_before_is_exploration() -> None:
    report = read(DESIGN, generated(GeneratedFacts(), (1,)), 28)
    lines = cautions(DESIGN, report, is_written_before=False, segments=["band"])
    assert "exploration" in lines[0]
    assert any("Look at them once" in line for line in lines)


def test_a_broken_ratio_is_the_only_line() -> None:
    report = read(DESIGN, generated(GeneratedFacts(second_share=0.45), (2,)), 28)
    assert conclusions(DESIGN, report) == [report.stopped]
    assert len(cautions(DESIGN, report, is_written_before=True, segments=["band"])) == 1
