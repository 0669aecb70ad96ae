"""Forgets a visitor: what was sent about it, the bands of its sessions, the interventions that it met."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, or_

from storage.interventions.firings import forget_firings
from storage.interventions.reports import forget_reports
from storage.webhooks.tables import bands, deliveries


def forget(connection: Connection, site: str, visitor_id: str, session_ids: Sequence[str]) -> int:
    """Delete all deliveries about a visitor of the site and about these sessions of it; how many they were."""
    t = deliveries.c
    about = or_(t.visitor_id == visitor_id, t.session_id.in_(session_ids))
    connection.execute(delete(bands).where(bands.c.site == site, bands.c.session_id.in_(session_ids)))
    forget_firings(connection, site, visitor_id, session_ids)
    forget_reports(connection, site, visitor_id, session_ids)
    return connection.execute(delete(deliveries).where(t.site == site, about)).rowcount
