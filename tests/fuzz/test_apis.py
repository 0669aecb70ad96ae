"""A slice of `make fuzz`: every route of both APIs keeps its document, whatever it is sent."""

import asyncio
from pathlib import Path

import pytest

from deploy.settings.model import KafkaSettings
from tests.fuzz.apis import fuzz
from tests.support.apis import running

#: Nobody listens there: what needs Kafka is answered 503 once, soon.
WITHOUT_KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)


@pytest.mark.filterwarnings("default")
async def test_no_request_is_a_fault_or_answered_against_the_document(tmp_path: Path) -> None:
    async with running(tmp_path, kafka=WITHOUT_KAFKA) as apis:
        for url, cases in ((apis.ingest, 50), (apis.query, 150)):
            (result,) = await asyncio.to_thread(list, fuzz(url, lambda _: apis.key, cases, has_kafka=False))
            assert result.findings == {}
            assert result.faults == len(result.away)
            assert result.statuses.total() >= cases // 2, result.statuses
            assert sum(count for status, count in result.statuses.items() if status < 300) > 5, result.statuses
