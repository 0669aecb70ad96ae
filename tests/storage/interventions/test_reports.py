"""What pages report of interventions: rows that come again are one, and what counts is what was delivered."""

from pathlib import Path

from sqlalchemy import Engine, select

from ingest.events import Event, InterventionReport, ReportAction, encode, key_of
from storage.interventions.reports import forget_old_reports, report_counts
from storage.interventions.tables import intervention_reports
from storage.webhooks.forget import forget
from storage.write.block import Block, block_of
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from tests.storage.interventions.test_firings import fired, move, update
from tests.support.events import NOON, event
from tests.support.sinks import clickhouse, record


def report(number: int, action: ReportAction = "shown", opened_at: int = NOON, **given: object) -> Event:
    said = InterventionReport("help", opened_at, action)
    return event(number, NOON + number, type="intervention", intervention=said, **given)


def blocks(*events: Event) -> list[Block]:
    """A block of each, as records from offset 0 on."""
    return [
        block_of("log", [record("events", offset, encode(each), key_of(each.site, each.session_id))])[0]
        for offset, each in enumerate(events)
    ]


def write(engine: Engine, *events: Event) -> None:
    for block in blocks(*events):
        RelationalSink(engine).write(block)


def test_sessions_count_in_which_a_delivered_one_was_shown(engine: Engine) -> None:
    page = fired(5, action="page")
    move(engine, update(5, page), update(6, fired(6, action="page"), session_id="s2"))
    move(engine, update(7, fired(7, action="page", held=True), session_id="s3", visitor_id="v3"))
    write(
        engine,
        event(1),
        *(report(2), report(3), report(4, "clicked"), report(5, session_id="s2")),
        # Held back, of another session of that id, and of one that never was.
        *(report(6, session_id="s3"), report(7, opened_at=NOON + 1), report(8, session_id="s9")),
    )
    assert report_counts(engine, "default", "help") == {"shown": 2, "clicked": 1}
    assert report_counts(engine, "other", "help") == {}


def test_a_block_that_comes_again_changes_nothing(engine: Engine) -> None:
    said = [report(1), report(2), report(3, "dismissed")]
    write(engine, *said)
    write(engine, *said[:2])
    with engine.connect() as connection:
        rows = connection.execute(select(intervention_reports).order_by(intervention_reports.c.action)).mappings().all()
    assert [(row["action"], row["visitor_id"], row["reported_at"]) for row in rows] == [
        ("dismissed", "v1", NOON + 3),
        ("shown", "v1", NOON + 2),
    ]


def test_a_visitor_is_forgotten_and_so_is_what_is_old(engine: Engine) -> None:
    write(engine, report(1), report(2, session_id="s2", visitor_id="v2"), report(3, session_id="s3", visitor_id="v3"))
    with engine.begin() as connection:
        forget(connection, "default", "v1", ["s2"])
    assert forget_old_reports(engine, NOON + 3) == 0
    assert forget_old_reports(engine, NOON + 4) == 1


def test_clickhouse_has_a_row_of_each_from_the_log(tmp_path: Path) -> None:
    with clickhouse(tmp_path / "ch") as client:
        for block in blocks(event(1), report(2), report(3), report(4, "clicked", session_id="s2")):
            AnalyticsSink(client).write(block)
        rows = client.query(
            "SELECT site, session_id, opened_at, name, action, visitor_id, toUnixTimestamp64Milli(reported_at) "
            "FROM intervention_reports ORDER BY action"
        ).result_rows
    assert rows == [
        ("default", "s2", NOON, "help", "clicked", "v1", NOON + 4),
        ("default", "s1", NOON, "help", "shown", "v1", NOON + 2),
    ]
