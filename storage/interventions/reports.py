"""What pages say of interventions that reached them: shown, dismissed, clicked. The rows of it, and their counts."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, and_, delete, func, select

from ingest.events import Event, ReportAction
from storage.database.rows import Row
from storage.interventions.tables import intervention_firings, intervention_reports
from storage.write.block import TopicRecord
from stream.scored import version_of

_t = intervention_reports.c


def report_rows(log: str, records: Iterable[TopicRecord]) -> list[Row]:
    """The rows of `intervention_reports` that records of the log have, in their columns' order."""
    rows: list[Row] = []
    for record in records:
        event = record.content
        if isinstance(event, Event) and event.intervention is not None:
            report = event.intervention
            rows.append(
                (
                    *(event.site, event.session_id, report.opened_at, report.name, report.action),
                    *(event.visitor_id, event.occurred_at, version_of(record.offset, closed=False), log),
                )
            )
    return rows


def report_counts(engine: Engine, site: str, name: str) -> dict[ReportAction, int]:
    """In how many sessions each was reported of an intervention, of those to which it was delivered."""
    fired = intervention_firings.c
    same = and_(*(_t[column] == fired[column] for column in ("site", "session_id", "opened_at", "name")))
    query = (
        select(_t.action, func.count())
        .select_from(intervention_reports.join(intervention_firings, same))
        .where(_t.site == site, _t.name == name, fired.outcome == "delivered")
        .group_by(_t.action)
    )
    with engine.connect() as connection:
        return dict(connection.execute(query).all())


def forget_reports(connection: Connection, site: str, visitor_id: str, session_ids: Sequence[str]) -> None:
    """Delete what pages said of a visitor of the site, and of these sessions of it."""
    about = (_t.visitor_id == visitor_id) | _t.session_id.in_(session_ids)
    connection.execute(delete(intervention_reports).where(_t.site == site, about))


def forget_old_reports(engine: Engine, before: int) -> int:
    """Delete those of before (ms UTC); how many."""
    with engine.begin() as connection:
        return connection.execute(delete(intervention_reports).where(_t.reported_at < before)).rowcount
