"""`opecom drift`: what it asks the API, what it prints, and the page that it writes."""

from pathlib import Path
from typing import Any

import pytest
import typer
from msgspec.structs import replace

from deploy.cli import drift, pages
from deploy.errors import SetupError
from scoring.drift.alarms import DriftAlarm, DriftFigure, DriftReport
from storage.drift.html import html
from storage.drift.report import DAY_MS, SiteDrift
from storage.http.answers import encode

QUIET = DriftReport(120, 9, 1_080, 180, 2.0, [], [3, 1], left_out=["scores: too few"])
ALARM = DriftAlarm(1, "cart_value", 9.0, 0.41, "prices changed", ["0", "from 5"], [0.9, 0.1], [0.4, 0.6])
FIGURE = DriftFigure(0, "share of programs", 0.5, 0.03, 0.0, 0.1, 4.0, True, "programs came", [0.03])


def found(report: DriftReport) -> SiteDrift:
    return SiteDrift("shop", 0, DAY_MS, report, "m1")


@pytest.fixture
def request_params(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The parameters of the request, once there was one; the answer is of the report that the test names."""
    parameters: dict[str, Any] = {}

    def read(api: object, path: str, given: dict[str, Any], key: str, patience: float) -> bytes:
        assert path == "/admin/drift"
        parameters.update(given)
        return encode(found(request.param))

    monkeypatch.setattr(drift, "read", read)
    monkeypatch.setattr(pages, "site_named", lambda *_: "shop")
    return parameters


@pytest.mark.parametrize("request_params", [replace(QUIET, alarms=[ALARM], figures=[FIGURE])], indirect=True)
def test_what_moved_is_printed_and_ends_with_1(
    request_params: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "drift.html"
    with pytest.raises(typer.Exit) as ended:
        drift.drift("shop", "6h", None, 28, None, page, False)
    assert ended.value.exit_code == 1
    assert request_params == {"site": "shop", "hours": 6, "until": None, "windows": 28, "alarms_per_month": 1.0}
    assert page.read_text() == html(found(replace(QUIET, alarms=[ALARM], figures=[FIGURE])))
    assert capsys.readouterr().out.splitlines() == [
        "shop: 120 sessions beside 1,080 of 9 windows; 180 columns and figures, 2 not as they were",
        "everything beside the windows before",
        "not compared: scores: too few",
        "by the usual limits of PSI, which know no chance: 3 over 0.1, 1 over 0.25",
        "",
        "cart_value at event 1: 9.0 times as far as usual (limit 2.0), PSI 0.41",
        "  usual cause: prices changed",
        "                         0   90.0%   40.0%  ############",
        "                    from 5   10.0%   60.0%  ##################",
        "",
        "share of programs                     50.00%, usually     3.00% (0.00% to 10.00%) ALARM",
        "  usual cause: programs came",
    ]


@pytest.mark.parametrize("request_params", [QUIET], indirect=True)
def test_a_quiet_window_ends_with_0(request_params: dict[str, Any]) -> None:
    with pytest.raises(typer.Exit) as ended:
        drift.drift("shop", "1d", None, 28, 0.5, None, True)
    assert ended.value.exit_code == 0
    assert request_params["alarms_per_month"] == 0.5


@pytest.mark.parametrize("request_params", [QUIET], indirect=True)
def test_a_page_that_cannot_be_written_is_one_line(request_params: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"--html .*: the page cannot be written there \(No such file or directory\)"):
        drift.drift("shop", "1d", None, 28, None, tmp_path / "none" / "drift.html", False)
    assert request_params["hours"] == 24
