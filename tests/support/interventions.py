"""Interventions for tests: definitions that are whole by default."""

from collections.abc import Collection
from typing import Any

from msgspec import structs

from stream.interventions.definition import InterventionDefinition
from stream.kafka.errors import KafkaUnavailableError
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


class ListStops:
    """Which interventions are stopped, as a test says; `away`: Kafka does not say."""

    def __init__(self, stopped: Collection[str] = ()) -> None:
        self.stopped = set(stopped)
        self.away = self.is_closed = False
        self.looks = 0

    async def names(self) -> frozenset[str]:
        self.looks += 1
        if self.away:
            raise KafkaUnavailableError("Kafka is away")
        return frozenset(self.stopped)

    async def close(self) -> None:
        self.is_closed = True


def ended(record: InterventionDefinition) -> InterventionDefinition:
    return structs.replace(record, status="stopped", stopped_at=NOON + 1)
