"""An audience: each seat hears of its own session, the newest, once. The follower is a list."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from storage.http.errors import ReadError
from storage.live import subscriber_hub as module
from storage.live.subscribe import ResumePosition
from storage.query.intents import intent_of
from stream.scored import ScoredSession
from tests.support.audiences import SECONDS, Saying, audience_of, next_intent
from tests.support.events import NOON
from tests.support.scored import scored


@pytest.fixture
def saying() -> Saying:
    return Saying()


async def test_a_seat_hears_of_its_own_session_alone(saying: Saying) -> None:
    async with audience_of(saying) as audience, audience.seat("default", "s1") as seat:
        others = [scored(1, session_id="s2"), scored(2, site="shop"), scored(3, site="default~run"), scored(4)]
        saying.publish(*others)
        assert await next_intent(seat) == intent_of(others[-1])
        saying.publish(scored(5, probability=0.9))
        assert (await next_intent(seat)).probability == 0.9
    assert (saying.starts, saying.held) == (["recent"], 0)


async def test_all_seats_share_one_follower(saying: Saying) -> None:
    async with audience_of(saying) as audience:
        async with audience.seat("default", "s1") as one, audience.seat("default", "s1") as tab:
            async with audience.seat("default", "s2") as other:
                saying.publish(scored(1), scored(2, session_id="s2"))
                assert [(await next_intent(each)).version >> 12 for each in (one, tab, other)] == [1, 1, 2]
            saying.publish(scored(3, session_id="s2"), scored(4))
            assert [(await next_intent(each)).version >> 12 for each in (one, tab)] == [4, 4]
        assert saying.held == 1
    assert len(saying.starts) == 1


@pytest.mark.parametrize(
    ("offered", "told"),
    [
        pytest.param([scored(1), scored(2), scored(3)], 3, id="a slow one gets the newest only"),
        pytest.param([scored(3), scored(2), scored(3)], 3, id="never an older one"),
        pytest.param([scored(9), scored(4, opened_at=NOON + 1)], 4, id="a session that began later"),
        pytest.param([scored(4, opened_at=NOON + 1), scored(9)], 4, id="nor one of a session that is over"),
    ],
)
async def test_a_seat_holds_the_newest(offered: list[ScoredSession], told: int) -> None:
    seat = module.Subscription()
    for update in offered:
        seat.offer(intent_of(update))
    assert (await next_intent(seat)).version >> 12 == told
    assert await seat.next(0) is None
    for update in offered:
        seat.offer(intent_of(update))
    assert await seat.next(0) is None


async def test_a_new_seat_hears_at_once_what_the_database_may_not_have(saying: Saying) -> None:
    async with audience_of(saying) as audience:
        async with audience.seat("default", "s1") as first:
            saying.publish(scored(1), scored(2), scored(7, session_id="s2"), scored(8))
            while (await next_intent(first)).version >> 12 != 8:
                pass
        async with audience.seat("default", "s2") as second:
            assert (await next_intent(second)).version >> 12 == 7


async def test_what_is_recent_is_bounded(saying: Saying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RECENT", 3)
    async with audience_of(saying) as audience, audience.seat("default", "s9") as last:
        saying.publish(*(scored(number, session_id=f"s{number}") for number in range(10)))
        await next_intent(last)
        assert sorted(audience._recent) == [b"default/s7", b"default/s8", b"default/s9"]
        monkeypatch.setattr(module, "RECENT_SECONDS", 0.0)
        saying.publish(scored(10, session_id="s9"))
        await next_intent(last)
        assert list(audience._recent) == [b"default/s9"]


async def test_a_record_that_is_none_is_passed(saying: Saying) -> None:
    async with audience_of(saying) as audience, audience.seat("default", "s1") as seat:
        saying.publish((b"default/s1", b"no scored session"), (b"", b""), scored(2))
        assert (await next_intent(seat)).version >> 12 == 2


async def test_one_session_has_so_many_seats(saying: Saying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SEATS", 1)
    async with audience_of(saying) as audience, audience.seat("default", "s2"):
        async with audience.seat("default", "s1"):
            with pytest.raises(ReadError) as refused:
                async with audience.seat("default", "s1"):
                    pass
            assert (refused.value.code, refused.value.retry_after) == ("too_many_streams", 5)
        async with audience.seat("default", "s1"):
            pass


async def test_kafka_away_is_an_answer_at_once(saying: Saying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    saying.failing = [KafkaConnectionError("nobody there")]
    async with audience_of(saying) as audience:
        with pytest.raises(ReadError, match=r"nobody there.*see kafka\.bootstrap") as refused:
            async with audience.seat("default", "s1"):
                pass
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 2)
        await asyncio.wait_for(saying.opened.wait(), SECONDS)
        async with audience.seat("default", "s1") as seat:
            saying.publish(scored(1))
            await next_intent(seat)


async def test_seats_outlive_a_follower_and_miss_nothing(saying: Saying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    async with audience_of(saying) as audience, audience.seat("default", "s1") as seat:
        saying.publish(scored(1))
        await next_intent(seat)
        saying.failing = [KafkaConnectionError("still away")]
        saying.publish(KafkaConnectionError("gone"), scored(2))
        assert (await next_intent(seat)).version >> 12 == 2
    assert saying.starts == ["recent", ResumePosition("log", (1,))]


async def test_a_failure_of_ours_ends_the_streams_and_the_next_begins_anew(saying: Saying) -> None:
    async with audience_of(saying) as audience:
        async with audience.seat("default", "s1") as seat:
            saying.publish(ValueError("a defect"))
            assert await seat.next(SECONDS) is None
            assert seat.closed
        async with audience.seat("default", "s1") as seat:
            saying.publish(scored(1))
            await next_intent(seat)


async def test_stop_closes_every_seat(saying: Saying) -> None:
    stop = asyncio.Event()
    async with audience_of(saying, stop) as audience, audience.seat("default", "s1") as seat:
        stop.set()
        assert await seat.next(SECONDS) is None
        assert seat.closed
    assert saying.held == 0


async def test_a_seat_after_the_stop_is_refused(saying: Saying) -> None:
    stop = asyncio.Event()
    stop.set()
    async with audience_of(saying, stop) as audience:
        with pytest.raises(ReadError, match="it ends"):
            async with audience.seat("default", "s1"):
                pass


async def test_nobody_follows_for_nobody(saying: Saying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.2)
    async with audience_of(saying) as audience:
        for _ in range(2):
            async with audience.seat("default", "s1") as seat:
                saying.publish(scored(len(saying.starts)))
                await next_intent(seat)
            await asyncio.wait_for(saying.left.wait(), SECONDS)
    assert saying.starts == ["recent", "recent"]
