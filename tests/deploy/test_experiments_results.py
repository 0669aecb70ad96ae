"""`opecom experiments results`: what is printed of a reading, in words and tables."""

import pytest

from deploy.cli.experiments_results import show
from tests.support.experiment_results import results


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, **given: float) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    show(results("chat", **given))
    return capsys.readouterr().out


def test_it_has_words_intervals_and_who_was_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = printed(capsys, monkeypatch, uplift=0.25)
    found = results("chat", 0.25)
    for line in (*found.conclusions, *(f"do not conclude: {each}" for each in found.cautions), found.labels.line()):
        assert line in output
    assert "read any-time, 7 days for each, 20,000 planned, by conversion; written before the start" in output
    assert "conversion *" in output
    effect = next(each for each in found.report.effects if each.decides)
    assert effect.low is not None
    assert f"{effect.low * 100:+.2f} to" in output
    assert all(words in output for words in ("desktop", "mobile", "Qini area", "revenue EUR"))


def test_a_broken_ratio_has_no_effect(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    output = printed(capsys, monkeypatch, uplift=0.0, second_share=0.45)
    assert "so nothing can be read" in output
    assert "conversion *" not in output
    assert "do not conclude: No figure of this experiment can be used" in output
