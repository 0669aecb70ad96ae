"""Interventions for tests: definitions that are whole by default."""

from typing import Any

from msgspec import structs

from stream.interventions.definition import InterventionDefinition
from tests.support.events import NOON


def intervention(name: str = "help", when: str = "page_views >= 2", **given: Any) -> InterventionDefinition:
    """A running intervention of the site default to webhooks, unless said otherwise."""
    whole: dict[str, Any] = {
        "site": "default",
        "action": "webhook",
        "status": "running",
        "started_at": NOON,
        "by": "key test",
    }
    return InterventionDefinition(name=name, when=when, **(whole | given))


def ended(record: InterventionDefinition) -> InterventionDefinition:
    return structs.replace(record, status="stopped", stopped_at=NOON + 1)
