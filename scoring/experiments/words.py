"""A reading in plain words: what may be concluded of it, and what not. Pure; one line for people each."""

from collections.abc import Sequence

from scoring.experiments.names import MetricName
from scoring.experiments.reading import ExperimentDesign, ExperimentReport, MetricEffect

_NAMES: dict[MetricName, str] = {
    "conversion": "conversion",
    "session_conversion": "conversion of sessions",
    "revenue_per_visitor": "revenue per visitor",
}


def conclusions(design: ExperimentDesign, report: ExperimentReport) -> list[str]:
    """Of the metric that decides, an arm a line; or why nothing can be read."""
    if line := report.stopped or report.waiting:
        return [line]
    return [_conclusion(each, report.arms[0].arm) for each in report.effects if each.decides]


def cautions(
    design: ExperimentDesign, report: ExperimentReport, *, is_written_before: bool, segments: Sequence[str] = ()
) -> list[str]:
    """What not to conclude from this very reading."""
    if report.stopped:
        return ["No figure of this experiment can be used, the rates of its arms among them."]
    lines = []
    if not is_written_before:
        lines.append(
            "How to read it was not written before the start, so this is exploration: decide on a new experiment."
        )
    deciding = [each for each in report.effects if each.decides]
    if any(each.called_on is None for each in deciding):
        lines.append(
            "An interval with 0 in it is not “no effect”: it says which effects are possible. Look at its ends."
        )
    counted = sum(each.visitors for each in report.arms)
    if any(each.called_on is not None for each in deciding) and counted < design.planned_visitors:
        lines.append("An effect that is found early looks larger than it is: trust its interval, not its middle.")
    if report.effects:
        lines.append(
            f"Only {_NAMES[design.decides]} was to decide; the other metrics are shown beside it, each another chance."
        )
    if segments:
        lines.append("A segment without a difference is no segment without an effect: most have too few visitors.")
        lines.append("Intervals of segments are of one look. Look at them once, at the end.")
    return lines


def _conclusion(effect: MetricEffect, control: str) -> str:
    name = _NAMES[effect.metric]
    if effect.difference is None or effect.low is None or effect.high is None:
        return f"{effect.arm}: {name} cannot be compared yet"
    shown = f"{_amount(effect, effect.difference)} ({_amount(effect, effect.low)} to {_amount(effect, effect.high)})"
    ratio = ""
    if effect.ratio is not None and effect.ratio_low is not None and effect.ratio_high is not None:
        ratio = f", {effect.ratio:.2f} times as much ({effect.ratio_low:.2f} to {effect.ratio_high:.2f})"
    if effect.called_on is None:
        return f"{effect.arm}: no difference to {control} is shown in {name}: {shown}{ratio}"
    if effect.low <= 0 <= effect.high:
        since = f"on day {effect.called_on + 1} there was a difference to {control} in {name}, now none"
        return f"{effect.arm}: {since}: {shown}{ratio}"
    better = "more" if effect.difference > 0 else "less"
    return f"{effect.arm}: {better} than {control} in {name}: {shown}{ratio}"


def _amount(effect: MetricEffect, value: float) -> str:
    return f"{value:+.2f}" if effect.metric == "revenue_per_visitor" else f"{value * 100:+.2f} points"
