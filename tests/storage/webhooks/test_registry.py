"""Webhooks come, go out of use, come back and go."""

import pytest
from sqlalchemy import Engine

from storage.webhooks import bands, deliveries, message, registry
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import Webhook, by_site
from storage.webhooks.registry import UnknownWebhookError
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import kept

URL = "https://shop.example/hook"


def add(engine: Engine, at: int = NOON, site: str = "default") -> Webhook:
    return registry.add(engine, site, URL, ("high", "down"), False, at)


def test_what_is_added_is_found_as_it_was_made(engine: Engine) -> None:
    made = [add(engine), add(engine, NOON + 1, "other")]
    assert registry.every(engine) == made
    assert registry.one(engine, made[0].id) == made[0]
    assert len({made[0].secret, made[1].secret, made[0].id, made[1].id}) == 4
    with pytest.raises(UnknownWebhookError):
        registry.one(engine, "wh_none")


def test_the_bands_of_a_site_are_known_since_its_first_webhook(engine: Engine) -> None:
    first, second, other = add(engine), add(engine, NOON + 5), add(engine, NOON + 9, "other")
    assert [each.bands_since for each in (first, second, other)] == [NOON, NOON, NOON + 9]
    registry.remove(engine, first.id)
    assert add(engine, NOON + 20).bands_since == NOON
    for each in registry.every(engine):
        registry.remove(engine, each.id)
    assert add(engine, NOON + 30).bands_since == NOON + 30


def test_out_of_use_and_into_it_again(engine: Engine) -> None:
    made = add(engine, NOON - 1)
    hooks = by_site(registry.every(engine))
    bands.move(engine, "log", {0: ReadBatch(PartitionPosition(), 1, NOON, [scored(1, band="high")])}, hooks, NOON)
    registry.disable(engine, made.id, "410")
    (ended,) = kept(engine).values()
    assert (ended.state, ended.detail) == ("dead", "the webhook is disabled: 410")
    assert by_site(registry.every(engine)) == {}
    assert not deliveries.again(engine, ended.id, NOON)
    registry.enable(engine, made.id, NOON + 100)
    again = registry.one(engine, made.id)
    assert (again.disabled, again.since, again.bands_since) == ("", NOON + 100, NOON + 100)
    assert deliveries.again(engine, ended.id, NOON)
    # What the session did meanwhile is not known: its next band is only noted.
    place = bands.places(engine, "log")[0]
    step = ReadBatch(place, 2, NOON, [scored(2, band="low", updated_at=NOON + 200)])
    assert bands.move(engine, "log", {0: step}, by_site([again]), NOON).crossings == 0


def test_a_rotation_keeps_the_secret_before_it_for_its_time(engine: Engine) -> None:
    made = add(engine)
    first = registry.rotate(engine, made.id, NOON, 1_000)
    assert registry.one(engine, made.id) == first
    assert first.secrets_at(NOON + 999) == (first.secret, made.secret)
    assert first.secrets_at(NOON + 1_000) == (first.secret,)
    second = registry.rotate(engine, made.id, NOON + 1, 1_000)
    assert second.secrets_at(NOON + 1) == (second.secret, first.secret), "the oldest ends"
    leaked = registry.rotate(engine, made.id, NOON + 2, 0)
    assert registry.one(engine, made.id).secrets_at(NOON + 2) == (leaked.secret,)
    assert len({made.secret, first.secret, second.secret, leaked.secret}) == 4
    with pytest.raises(UnknownWebhookError):
        registry.rotate(engine, "wh_none", NOON, 0)


def test_removing_gives_up_what_is_due_and_keeps_the_log(engine: Engine) -> None:
    made = add(engine)
    deliveries.put_test(engine, made.id, "default", message.test("default", made.id, NOON), NOON)
    registry.remove(engine, made.id)
    assert [(each.state, each.detail) for each in kept(engine).values()] == [("dead", "the webhook was removed")]
    with pytest.raises(UnknownWebhookError):
        registry.remove(engine, made.id)
