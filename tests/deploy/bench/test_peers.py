"""The peers: what is missing names the command that installs it; what they keep of a session; what they are given."""

import sys
from pathlib import Path

import pytest

from deploy.bench.errors import BenchError
from deploy.bench.http import connections, post_all
from deploy.bench.naive_sums import fold, new_session, row_of, scored_session
from deploy.bench.part import Part
from deploy.bench.peer_programs import environment
from deploy.bench.peer_programs.task import PeerTask, read, write
from deploy.bench.peers import PROGRAMS, listens
from deploy.processes.interpreter import of_module
from deploy.processes.ports import free_port
from scoring.features import NAMES
from scoring.registry import SHIPPED, current, manifest
from stream.fold.calendar import Calendar
from stream.fold.pages import PageRow

SHIPPED_MANIFEST = manifest(SHIPPED, current(SHIPPED))
PAGES = [PageRow("", "shop", "/a", 0.1, 0.2, 3.0), PageRow("", "shop", "/b", 0.3, 0.4, 5.0)]


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeerTask:
    """As a peer reads it from the file that its command line names."""
    given = PeerTask(
        bootstrap="127.0.0.1:9092", events_topic="events", scored_topic="scored", group="peer",
        graph=str(SHIPPED / SHIPPED_MANIFEST.version / "model.onnx"), manifest=SHIPPED_MANIFEST,
        timezone="Europe/Berlin", holidays="DE", special_days=("02-14",), pages=PAGES, state=str(tmp_path),
    )  # fmt: skip
    write(given, tmp_path / "task.json")
    monkeypatch.setattr(sys, "argv", ["peer", str(tmp_path / "task.json")])
    return read()


@pytest.mark.parametrize(
    ("python", "says"),
    [
        pytest.param("/nowhere/python", "needs Quix Streams, confluent-kafka, Granian", id="no environment"),
        pytest.param(sys.executable, "No module named 'quixstreams'", id="one without a library"),
    ],
)
def test_a_missing_library_is_one_line_that_names_the_make_target(
    python: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "PYTHON", Path(python))
    with pytest.raises(BenchError, match=r"run `make peers`") as failed:
        environment.installed()
    assert says in str(failed.value)
    assert "\n" not in str(failed.value)
    assert "\npeers: " in (environment.ROOT / "Makefile").read_text()


def test_a_peer_gets_the_pages_in_force_and_the_model(task: PeerTask) -> None:
    statistics = task.statistics()
    page = statistics.page("shop", "/b", None, statistics.version)
    assert (page.bounce_rate, page.exit_rate, page.page_value) == (0.3, 0.4, 5.0)
    assert task.model().manifest == SHIPPED_MANIFEST
    assert task.calendar().latest_cut(0) == Calendar("Europe/Berlin").latest_cut(0)


def test_sums_of_a_session_become_the_seventeen_features(task: PeerTask) -> None:
    session, at = new_session(), 1_750_000_000_000
    common = {"site": "shop", "session_id": "s", "visitor_id": "v", "type": "page_view"}
    first = {**common, "event_id": "1", "occurred_at": at, "page": {"path": "/a", "type": "ProductRelated"}}
    second = {**common, "event_id": "2", "occurred_at": at + 30_000, "page": {"path": "/b", "type": "Administrative"}}
    bought = {**common, "event_id": "3", "occurred_at": at + 60_000, "purchase": {"amount": 9.5}}
    statistics = task.statistics()
    for event in (first, second, bought):
        fold(session, event, statistics, statistics.version)
    row = dict(zip(NAMES, row_of(session, {}, task.calendar()), strict=True))
    assert (row["ProductRelated"], row["ProductRelated_Duration"]) == (1, 30)
    assert (row["Administrative"], row["Administrative_Duration"]) == (1, 30)
    assert (row["BounceRates"], row["ExitRates"], row["PageValues"]) == pytest.approx((0.2, 0.3, 4.0))
    moved = [0.0] * 16 + [0.5]
    document = scored_session(session, bought, list(row.values()), 0.9, moved, SHIPPED_MANIFEST)
    assert document["event"] == {"id": "3", "type": "page_view"}
    assert (document["revenue"], document["amount"], document["label"]) == (True, 9.5, "YES")
    assert document["reasons"][0]["feature"] == NAMES[16]


async def test_the_echo_answers_every_request_as_the_ingest_api_would(tmp_path: Path) -> None:
    port = free_port()
    command = (*of_module(f"{PROGRAMS}.echo_starlette"), str(port))
    async with Part("starlette", tmp_path, command, environment.variables()) as part:
        await part.until(lambda: listens(port), "ready", 60)
        async with connections(port, "none") as them:
            await post_all(them, iter([("/v1/batch", b"{}")] * 50), 4)
            assert await them.opened[0].request("/tracker/pageview", b'{"a":1}') == (b"202", b'{"a":1}')
