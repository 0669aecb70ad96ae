"""An answer that takes long is made by one at a time, kept, and never waited for too long."""

import asyncio

import pytest

from storage.health.kept import KeptAnswer
from storage.http.errors import ReadError


class SlowAnswer:
    """Counts what is made; each waits until it is let go."""

    def __init__(self) -> None:
        self.count = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.count += 1
        number = self.count
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return number


async def test_many_at_once_share_one_answer_which_is_kept() -> None:
    made, at = SlowAnswer(), [0.0]
    made.gate.set()
    kept = KeptAnswer(made, every=15, patience=5, now=lambda: at[0])
    assert await asyncio.gather(*(kept() for _ in range(5))) == [1] * 5
    at[0] = 14.9
    assert await kept() == 1
    at[0] = 15.0
    assert await kept() == 2


async def test_an_old_answer_is_given_while_a_new_one_takes_too_long_and_no_second_one_is_begun() -> None:
    made, at = SlowAnswer(), [0.0]
    kept = KeptAnswer(made, every=15, patience=0.01, now=lambda: at[0])
    with pytest.raises(ReadError, match="still run") as refused:
        await kept()
    assert (refused.value.code, refused.value.retry_after) == ("unavailable", 2)
    made.gate.set()
    assert await kept() == 1
    made.gate.clear()
    at[0] = 20.0
    assert [await kept(), await kept()] == [1, 1]
    assert made.count == 2
    made.gate.set()
    assert await kept() == 2
    await kept.close()


async def test_a_failure_is_raised_and_the_answer_made_again() -> None:
    made = SlowAnswer()
    made.gate.set()
    made.failure = ReadError("unavailable", "Kafka is away")
    kept = KeptAnswer(made, every=15, patience=5)
    with pytest.raises(ReadError, match="Kafka is away"):
        await kept()
    made.failure = None
    assert await kept() == 2
