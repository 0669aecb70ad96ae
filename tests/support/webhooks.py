"""Webhooks for tests, and what the database keeps of their deliveries."""

from typing import Any

from sqlalchemy import Engine

from storage.webhooks import deliveries
from storage.webhooks.crossings import Webhook
from storage.webhooks.deliveries import Delivery
from tests.support.events import NOON

SECRET = "whsec_" + "c2VjcmV0" * 5


def webhook(**given: Any) -> Webhook:
    """A webhook of the default site for every crossing, made a minute before the sessions of tests begin."""
    whole: dict[str, Any] = {
        "id": "wh_one",
        "site": "default",
        "url": "https://shop.example/hook",
        "wanted": (),
        "secret": SECRET,
        "allow_private": False,
        "created_at": NOON - 60_000,
        "since": NOON - 60_000,
        "bands_since": NOON - 60_000,
    }
    return Webhook(**(whole | given))


def kept(engine: Engine) -> dict[str, Delivery]:
    """The whole log of deliveries, by id."""
    return {each.id: each for each in deliveries.newest(engine, None, None, 100_000)}
