"""A slice of `make fuzz`: every route of both APIs keeps its document, whatever it is sent."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from deploy.settings.model import KafkaSettings
from tests.fuzz.apis import FuzzedApi, fuzz
from tests.support.apis import running

#: Nobody listens there: what needs Kafka is answered 503 once, soon.
WITHOUT_KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)


def fuzzed(url: str, key: str, cases: int) -> FuzzedApi:
    (result,) = fuzz(url, lambda _: key, cases, has_kafka=False)
    return result


@pytest.mark.filterwarnings("default")
async def test_no_request_is_a_fault_or_answered_against_the_document(tmp_path: Path) -> None:
    # Hypothesis draws constants from all modules of ours that are loaded: in a new process these are always the same.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        async with running(tmp_path, kafka=WITHOUT_KAFKA) as apis:
            for url, cases in ((apis.ingest, 50), (apis.query, 150)):
                result = await asyncio.get_running_loop().run_in_executor(pool, fuzzed, url, apis.key, cases)
                assert result.findings == {}
                assert result.faults == len(result.away)
                assert result.statuses.total() >= cases // 2, result.statuses
                assert sum(count for status, count in result.statuses.items() if status < 300) > 5, result.statuses
