"""A service that is away costs a line when it goes, one a minute, one when it is back."""

import logging

import pytest

from ingest.outage import OutageLog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_costs_a_line_when_it_begins_one_a_minute_and_one_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = OutageLog(logging.getLogger("t"), "it answers again", clock)
    outage.answered()
    for second in range(150):
        clock.now = second
        outage.failed("it is away")
    assert outage.reason == "it is away"
    outage.answered()
    outage.answered()
    assert caplog.messages == [
        "it is away",
        "it is away (for 60 s now)",
        "it is away (for 120 s now)",
        "it answers again, after 149 s",
    ]
    assert (outage.away, outage.reason) == (False, "")


def test_a_service_that_flaps_costs_two_lines_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = OutageLog(logging.getLogger("t"), "back", clock)
    for second in range(120):
        clock.now = second
        outage.failed("away")
        outage.answered()
    assert caplog.messages == ["away", "back, after 0 s"] * 2


def test_the_end_of_an_outage_has_a_line_if_the_outage_had_one(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = OutageLog(logging.getLogger("t"), "back", clock)
    outage.failed("away")
    outage.answered()
    for second in (30, 59, 60):
        clock.now = second
        outage.failed("away")
    outage.answered()
    assert caplog.messages == ["away", "back, after 0 s", "away (for 30 s now)", "back, after 30 s"]
