"""What is wanted of the topic, and resume ids."""

from typing import Any

import pytest

from storage.live.subscribe import ResumePosition, UpdateFilter
from tests.support.scored import scored

HIGH = scored(1, site="shop-1", band="high", probability=0.8)


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ({}, True),
        ({"site": "shop-1", "band": "high", "min_probability": 0.8}, True),
        ({"site": "shop"}, False),
        ({"band": "low"}, False),
        ({"min_probability": 0.81}, False),
        ({"sites": frozenset({"shop-1"})}, True),
        ({"sites": frozenset({"shop"})}, False),
        ({"site": "shop-1", "sites": frozenset({"shop"})}, False),
    ],
    ids=["all", "all-three", "another-site", "another-band", "too-low", "permitted", "not-permitted", "asked-anyway"],
)
def test_a_filter_takes_what_fits_every_part(wanted: dict[str, Any], holds: bool) -> None:
    assert UpdateFilter(**wanted).wants(HIGH) is holds


def test_sessions_of_programs_are_streamed_only_if_requested() -> None:
    program = scored(1, bot=True)
    assert [UpdateFilter(bots=bots).wants(program) for bots in (False, True)] == [False, True]


@pytest.mark.parametrize(
    ("site", "key", "holds"),
    [
        (None, b"shop-1/s1", True),
        ("shop-1", b"shop-1/s1", True),
        ("shop-1", b"shop-11/s1", False),
        ("shop-1", b"shop-1~run/s1", False),
        ("shop-1", None, True),
        ("shop-1", b"\xff", False),
    ],
    ids=["any-site", "its-own", "longer-name", "a-run-of-it", "no-key", "no-text"],
)
def test_a_key_reports_the_site_before_the_record_is_read(site: str | None, key: bytes | None, holds: bool) -> None:
    assert UpdateFilter(site).may_want(key) is holds


def test_the_runs_of_a_site_are_a_parameter() -> None:
    wanted = UpdateFilter("shop-1", runs=True)
    keys = {b"shop-1/s1": True, b"shop-1~run/s1": True, b"shop-11/s1": False, b"shop-11~run/s1": False}
    assert {key: wanted.may_want(key) for key in keys} == keys
    assert not UpdateFilter("shop-1", sites=frozenset({"other"}), runs=True).may_want(b"shop-1~run/s1")


def test_a_key_of_a_site_hears_its_runs_and_no_other_site() -> None:
    permitted = UpdateFilter(sites=frozenset({"uci"}))
    keys = {b"uci/s1": True, b"uci~run/s1": True, b"uci2/s1": False, b"uc/s1": False, b"\xff": False}
    assert {key: permitted.may_want(key) for key in keys} == keys


@pytest.mark.parametrize(
    ("position", "text"),
    [(ResumePosition("log", (0,)), "0@log"), (ResumePosition("x-Y_9", (12, 0, 2**40)), "12.0.1099511627776@x-Y_9")],
)
def test_a_position_comes_back_from_its_id(position: ResumePosition, text: str) -> None:
    assert position.encode() == text
    assert ResumePosition.decode(text) == position


@pytest.mark.parametrize(
    "text",
    ["", "12", "@log", "12@", "1.@log", "-1@log", "1.x@log", "1@a b", "٣@log", "9" * 19 + "@log", "1@log\n"],
)
def test_what_is_no_resume_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no resume id"):
        ResumePosition.decode(text)
