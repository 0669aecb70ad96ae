"""The daily check for drift: what metrics, the log and the doctor say of it, and that a failure ends nothing."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from deploy.doctor.drift import drift as doctor_lines
from deploy.doctor.finding import Finding
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import ScoringSettings, Settings, StorageSettings
from deploy.wiring import drift
from scoring.drift.alarms import DriftAlarm, DriftReport, TooFewSessionsError
from storage.database.errors import DatabaseUnavailableError
from storage.drift.checks import DriftChecks
from storage.drift.grid import ClickHouseReads
from storage.drift.report import DriftCheckList, SiteDrift
from storage.http.answers import encode
from storage.metrics import DriftMetrics

DAY = 86_400_000
REPORT = DriftReport(120, 9, 1_080, 180, 2.0, [], [0, 0])
ALARMS = [
    DriftAlarm(events, name, 9.0, 0.4, "prices", ["0"], [1.0], [1.0])
    for events, name in ((1, "cart_value"), (3, "cart_value"), (0, "hour"), (5, "hour"))
]
MOVED = SiteDrift("shop", 0, DAY, replace(REPORT, alarms=ALARMS))
QUIET = SiteDrift("other", 0, DAY, REPORT)
LINE = "site shop: 4 not as they were: cart_value at event 1, cart_value at event 3, hour unknown and 1 more"


def checks(registry: CollectorRegistry, check: Callable[[str, int], SiteDrift]) -> DriftChecks:
    """Checks of the sites other, shop and small."""

    def rows(query: str, given: dict[str, Any]) -> Any:
        assert given == {"since": 71 * DAY, "until": 100 * DAY}
        return SimpleNamespace(result_rows=[("other",), ("shop",), ("small",)])

    return DriftChecks(ClickHouseReads(rows, lambda *_: b""), check, DriftMetrics(registry))


def found_of(site: str, now: int) -> SiteDrift:
    if site == "small":
        raise TooFewSessionsError("the window has 3 sessions")
    return MOVED if site == "shop" else QUIET


def alarms(registry: CollectorRegistry, site: str) -> float | None:
    return registry.get_sample_value("opecom_api_drift_alarms", {"site": site})


def test_a_check_sets_metrics_and_logs_what_moved(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    made = checks(registry, found_of)
    made.run(100 * DAY)
    assert made.found() == [QUIET, MOVED]
    assert [alarms(registry, site) for site in ("other", "shop", "small")] == [0, 4, None]
    assert registry.get_sample_value("opecom_api_drift_checked_timestamp_seconds", {"site": "shop"}) == 100 * 86_400
    assert [record.message for record in caplog.records] == [f"drift: {LINE}; `opecom drift --site shop` shows them"]


def test_a_site_that_has_too_few_sessions_by_now_is_forgotten() -> None:
    registry, few = CollectorRegistry(), set[str]()
    made = checks(registry, lambda site, now: found_of("small" if site in few else site, now))
    made.run(100 * DAY)
    few.add("shop")
    made.run(100 * DAY)
    assert made.found() == [QUIET]
    assert alarms(registry, "shop") is None


def test_what_a_database_does_not_answer_leaves_the_checks_of_before(caplog: pytest.LogCaptureFixture) -> None:
    def away(site: str, now: int) -> SiteDrift:
        if made.found():
            raise DatabaseUnavailableError("no answer")
        return found_of("shop", now)

    made = checks(CollectorRegistry(), away)
    made.run(100 * DAY)
    assert made.found() == [MOVED]
    assert caplog.records[-1].message == "drift is not checked, the checks of before stand: no answer"


@pytest.mark.parametrize(("per_month", "runs"), [(1.0, 3), (0.0, 0)])
async def test_checks_go_on_after_a_failure_and_never_begin_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, per_month: float, runs: int
) -> None:
    stop, waits = asyncio.Event(), list[float]()

    async def due(event: asyncio.Event, seconds: float) -> bool:
        waits.append(seconds)
        return event.is_set()

    def run(now: int) -> None:
        if len(waits) == 3:
            stop.set()
        raise ValueError("a fault of ours")

    monkeypatch.setattr(drift, "wait_for_event", due)
    settings = Settings(storage=StorageSettings(drift_alarms_per_month=per_month))
    await drift.keep_checked(settings, SimpleNamespace(run=run), stop)  # type: ignore[arg-type]
    assert waits == [300, 86_400, 86_400, 86_400][: runs and runs + 1]
    assert len(caplog.records) == runs


def test_the_doctor_has_a_line_for_each_site() -> None:
    address = ProbeAddress("127.0.0.1", 1)
    text = encode(DriftCheckList([QUIET, MOVED])).decode()
    assert doctor_lines(address, lambda *_: (200, text)) == [
        Finding("drift", "ok", "site other: as in the days before"),
        Finding("drift", "warning", f"{LINE}; `opecom drift --site shop`"),
    ]
    assert doctor_lines(address, lambda *_: (403, "")) == []


def test_a_version_that_the_registry_does_not_have_was_fitted_on_nothing_known() -> None:
    assert drift.fitted_on(ScoringSettings(), "no-such-version") is None
