"""The program that verifies replayed clicks, over a database made here: equal, and then with one value changed."""

import io
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from deploy.simulate.clicks import ClickVisit
from deploy.simulate.clicks_file import read
from deploy.simulate.verify import clicks as program
from deploy.simulate.verify.clicks import VIEWED, main, session_of
from tests.support.clicks import click, made_up, packed
from tests.support.recount import recount
from tests.support.verifying import GeneratedFile, is_one_line

SITE, SESSIONS, KEY = "clicks~t", 40, "a-key-of-scope-read"
ONE = {"year": "2008", "month": "4", "day": "1", "session ID": "1", "country": "29"}
SESSION_COLUMNS = ("site", "session_id", *session_of([ONE]))
VIEW_COLUMNS = ("site", *VIEWED)
#: The query API's address, and the timelines that it tells.
Api = tuple[str, dict[str, list[dict[str, Any]]]]


class GeneratedClicks(GeneratedFile):
    """A file of clicks and a database that holds them as the worker would have counted them."""

    site, sessions = SITE, SESSIONS

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, packed(folder / "clicks.csv.gz", made_up(SESSIONS)))
        self.visits = [ClickVisit(SITE, session) for session in read(self.data)]
        rows = [self.session(visit) for visit in self.visits]
        views = [view for visit in self.visits for view in self.views(visit)]
        self.table("sessions", SESSION_COLUMNS, [[row[name] for name in SESSION_COLUMNS] for row in rows])
        self.table("page_views", VIEW_COLUMNS, [[view[name] for name in VIEW_COLUMNS] for view in views])

    def session(self, visit: ClickVisit) -> dict[str, Any]:
        events = list(visit.events())
        counted, many, country = recount(events), len(events), visit.session.country
        return {
            "site": SITE, "session_id": visit.session_id, "status": "closed", "event_count": many,
            "page_view_count": many, "product_related_count": counted["ProductRelated"],
            "product_related_duration": counted["ProductRelated_Duration"], "administrative_count": 0,
            "informational_count": 0, "purchase_count": 0, "revenue": 0, "region": country,
            "region_name": str(country), "month": counted["Month"], "is_weekend": counted["Weekend"],
            "started_at": text(events[0].occurred_at), "last_event_at": text(events[-1].occurred_at),
        }  # fmt: skip

    def views(self, visit: ClickVisit) -> list[dict[str, Any]]:
        events = list(visit.events())
        ends = [*(event.occurred_at for event in events[1:]), events[-1].occurred_at]
        return [
            {
                "site": SITE, "session_id": visit.session_id, "event_id": event.event_id,
                "page_type": event.page.type, "page_url": event.page.path, "viewed_at": text(event.occurred_at),
                "duration_seconds": (end - event.occurred_at) / 1000, "is_bounce": len(events) == 1,
                "is_exit": event is events[-1],
            }
            for event, end in zip(events, ends, strict=True)
            if event.page
        ]  # fmt: skip


def text(millis: int) -> str:
    """A time as SQLAlchemy writes it into SQLite."""
    return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@pytest.fixture
def made(tmp_path: Path) -> GeneratedClicks:
    return GeneratedClicks(tmp_path)


@pytest.fixture
def api(made: GeneratedClicks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A query API whose timelines can be changed, and its address."""
    monkeypatch.setattr(program, "ARRIVING", 0.0)
    timelines: dict[str, list[dict[str, Any]]] = {
        visit.session_id: [
            *({"closed": False, "event": {"path": path}} for path in visit.session.paths),
            {"closed": True, "event": {"path": None}},
        ]
        for visit in made.visits
    }

    class Timelines(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            updates = timelines.get(unquote(where.path).split("/")[2]) if "clicks" in where.query else None
            known = self.headers["X-OPECOM-Key"] in {None, KEY}
            self.send_response(401 if not known else 404 if updates is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"updates": updates}).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Timelines) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", timelines
        server.shutdown()
        serving.join()


def test_equal_rows_pass_and_every_column_is_counted(made: GeneratedClicks, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(made.arguments()) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    views = str(sum(visit.event_count for visit in made.visits))
    assert ["sessions", str(SESSIONS), str(SESSIONS)] in said
    assert ["clicks,", "page", "views", views, views] in said
    assert all([name, str(SESSIONS)] in said for name in SESSION_COLUMNS[2:])
    assert all([name, views] in said for name in VIEWED[2:])


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        pytest.param("UPDATE sessions SET product_related_count = 9", "product_related_count is 9", id="count"),
        pytest.param("UPDATE sessions SET product_related_duration = product_related_duration + 0.001",
                     "product_related_duration", id="duration"),
        pytest.param("UPDATE sessions SET region = 9", "region is 9, the file gives 29", id="country"),
        pytest.param("UPDATE sessions SET month = 'May'", "month is 'May'", id="month"),
        pytest.param("UPDATE sessions SET is_weekend = 1", "is_weekend", id="weekend"),
        pytest.param("UPDATE sessions SET revenue = 1", "revenue", id="purchase"),
        pytest.param("UPDATE sessions SET status = 'open'", "status is 'open'", id="open"),
        pytest.param("UPDATE sessions SET started_at = '2008-04-30 10:00:00.000000'", "started_at", id="begin"),
        pytest.param("DELETE FROM sessions", "is not in the database", id="session lost"),
        pytest.param("INSERT INTO sessions SELECT * FROM sessions", "comes back as 2 sessions", id="session doubled"),
        pytest.param("UPDATE sessions SET session_id = 'session-99999'", "is not among the sessions", id="foreign"),
    ],
)  # fmt: skip
def test_one_changed_session_fails_and_is_named(
    made: GeneratedClicks, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    made.change(f"{statement} WHERE session_id = 'session-00017'")
    assert main(made.arguments()) == 1
    said = capsys.readouterr().out
    assert says in said
    assert "session-00017" in said or "session-99999" in said


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        pytest.param("UPDATE page_views SET page_url = '/products/1/1/A1'", "view 2: page_url", id="page"),
        pytest.param("UPDATE page_views SET page_type = NULL", "view 2: page_type is None", id="type"),
        pytest.param("UPDATE page_views SET viewed_at = '2008-04-30 23:58:59.000000'", "view 2: page_url", id="order"),
        pytest.param("UPDATE page_views SET duration_seconds = 0", "view 2: duration_seconds is 0", id="duration"),
        pytest.param("UPDATE page_views SET is_exit = 1", "view 2: is_exit", id="exit"),
        pytest.param("DELETE FROM page_views", "page views of a session is 3, the file gives 4", id="lost"),
        pytest.param("INSERT INTO page_views SELECT * FROM page_views", "page views of a session is 5", id="doubled"),
    ],
)
def test_one_changed_page_view_fails_and_is_named(
    made: GeneratedClicks, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    (second,) = [list(visit.events())[1] for visit in made.visits if visit.number == 17]
    made.change(f"{statement} WHERE event_id = '{second.event_id}'")
    assert main(made.arguments()) == 1
    said = capsys.readouterr().out
    assert says in said
    assert "session-00017" in said


def test_timelines_of_sessions_all_over_the_file_are_compared(
    made: GeneratedClicks, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(made.arguments(api=api[0])) == 0
    assert any(
        line.split() == ["updates", "of", "a", "timeline", "20"] for line in capsys.readouterr().out.splitlines()
    )


@pytest.mark.parametrize(
    ("key", "code"), [pytest.param(KEY, 0, id="known"), pytest.param("wrong-key", 2, id="unknown")]
)
def test_the_database_and_a_read_key_come_by_standard_input(
    made: GeneratedClicks,
    api: Api,
    key: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"sqlite:///{made.database}\n{key}\n"))
    assert main(made.arguments(database="-", api=api[0])) == code
    assert code == 0 or is_one_line(capsys.readouterr().err, "answers 401 for a timeline: it takes a key")


@pytest.mark.parametrize("update", [0, -1], ids=["a click", "the closing"])
def test_an_update_that_is_missing_in_clickhouse_fails(
    made: GeneratedClicks, api: Api, capsys: pytest.CaptureFixture[str], update: int
) -> None:
    del api[1]["session-00001"][update]
    assert main(made.arguments(api=api[0])) == 1
    assert "session-00001: updates of a timeline" in capsys.readouterr().out


def test_a_session_that_clickhouse_does_not_know_fails(
    made: GeneratedClicks, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    del api[1]["session-00001"]
    assert main(made.arguments(api=api[0])) == 1
    assert "session-00001: updates of a timeline is []" in capsys.readouterr().out


def test_the_first_sessions_of_the_file_are_enough_where_only_they_were_sent(made: GeneratedClicks) -> None:
    with sqlite3.connect(made.database) as connection:
        for table in ("sessions", "page_views"):
            connection.execute(f"DELETE FROM {table} WHERE session_id > 'session-00010'")  # noqa: S608 - our own
    connection.close()
    assert main(made.arguments(sessions="10")) == 0
    assert main(made.arguments(sessions="11")) == 1
    assert main(made.arguments(sessions="9")) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"site": "clicks~none"}, "no row of site clicks~none", id="site that sent nothing"),
        pytest.param({"data": "/nowhere/clicks.gz"}, "cannot read the file of clicks", id="no file"),
        pytest.param({"api": "http://127.0.0.1:1"}, "does not answer, and timelines need it", id="no query API"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    made: GeneratedClicks, capsys: pytest.CaptureFixture[str], given: dict[str, str], says: str
) -> None:
    assert main(made.arguments(**given)) == 2
    assert is_one_line(capsys.readouterr().err, says)


def test_a_file_without_sessions_cannot_be_compared(made: GeneratedClicks, capsys: pytest.CaptureFixture[str]) -> None:
    packed(made.data, [])
    assert main(made.arguments()) == 2
    assert "no session to compare" in capsys.readouterr().err


def test_clicks_that_the_file_has_anew_are_missing(made: GeneratedClicks) -> None:
    packed(made.data, [*made_up(SESSIONS), click(SESSIONS, 9, "2008;5;1")])
    assert main(made.arguments()) == 1
