"""What a check of stored features found, line by line. Pure."""

from collections.abc import Iterator

import msgspec

from storage.replay.feature_differences import FeatureCheckReport, FeatureDifference


def lines_of(report: FeatureCheckReport) -> Iterator[str]:
    """The differences that are named, then what was compared."""
    for each in report.differences:
        place = f"{each.site}, session {each.session_id}, partition {each.partition}, offset {each.offset}"
        yield f"{place}: {_difference(each)}"
    if report.different > len(report.differences):
        yield f"and {report.different - len(report.differences):,} more"
    yield (
        f"{report.updates:,} updates of {report.sessions:,} sessions compared (one in {report.one_in:,}, seed "
        f"{report.seed}): {report.different:,} differences"
    )
    if report.earlier_sessions:
        yield f"{report.earlier_sessions:,} sessions are of earlier logs, which cannot be folded again: left out"
    if report.different:
        yield "`opecom replay` stores what the log says"


def _difference(each: FeatureDifference) -> str:
    if not each.is_computed:
        return "stored, and not in the log"
    if not each.is_stored:
        return "in the log, and not stored"
    return f"{each.feature} is stored as {_text(each.stored)}, the log says {_text(each.computed)}"


def _text(value: float | int | str | bool | None) -> str:
    return msgspec.json.encode(value).decode()
