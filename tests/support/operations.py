"""Dead letters, a webhook and a delivery for tests of operations."""

from typing import Any

import msgspec
from sqlalchemy import Engine, insert

from deploy.wiring.storage import DatabaseHandles
from ingest.events import encode, key_of
from storage.dead_letters.answers import ResentLetter
from storage.dead_letters.place import LetterPlace
from storage.webhooks import deliveries, message, registry
from storage.webhooks.crossings import Crossing
from storage.webhooks.database import transaction
from storage.webhooks.tables import webhooks
from storage.write.block import Block, TopicRecord
from storage.write.clickhouse_sink import AnalyticsSink
from stream.scored import ArmAssignment, DeadLetter, DeadReason
from tests.support.events import NOON, event, event_id
from tests.support.scored import scored
from tests.support.webhooks import SECRET


def dead_letter(
    offset: int, site: str, reason: DeadReason = "failed", detail: str = "ValueError: no", **given: Any
) -> DeadLetter:
    """A letter of an event of this site; `given` are fields of the letter that are otherwise."""
    of = event(offset, site=site, session_id=f"s{offset}")
    whole: dict[str, Any] = {
        "log": "log",
        "partition": 0,
        "offset": offset,
        "reason": reason,
        "detail": detail,
        "key": key_of(of.site, of.session_id),
        "raw": encode(of),
    }
    return DeadLetter(**(whole | given))


def write_letters(client: Any, *letters: DeadLetter, at: int = NOON) -> None:
    """Into ClickHouse, each a second after the one before, as the writer does."""
    dead = tuple(
        (TopicRecord("dead", 0, number, at + 1_000 * number, None, b"", letter), letter)
        for number, letter in enumerate(letters)
    )
    AnalyticsSink(client).write(Block("log", dead=dead))


def place_of(letter: DeadLetter) -> LetterPlace:
    return LetterPlace(letter.log, letter.topic, letter.partition, letter.offset)


def resent(offset: int, **given: Any) -> ResentLetter:
    """That anna sends the letter at this offset again, of the site shop."""
    whole: dict[str, Any] = {
        "letter": f"log:events:0:{offset}",
        "state": "sending",
        "event_id": event_id(1_000 + offset),
        "site": "shop",
        "session_id": f"s{offset}",
        "visitor_id": "v1",
        "event": msgspec.Raw(b'{"type":"session_end"}'),
        "sent_by": "anna",
        "claimed_at": NOON + offset,
        "sent_at": 0,
    }
    return ResentLetter(**(whole | given))


def put_webhook(engine: Engine, name: str, site: str, url: str = "https://shop.example/hook", **given: Any) -> None:
    """A webhook of this id, with a delivery `msg_...` that was given up."""
    row = {
        "id": name,
        "site": site,
        "url": url,
        "wanted": "high",
        "secret": SECRET,
        "allow_private": False,
        "created_at": NOON,
        "since": NOON,
        "bands_since": NOON,
        "disabled": "",
    }
    with engine.begin() as connection:
        connection.execute(insert(webhooks).values(**(row | given)))
    test = message.Message(name.replace("wh_", "msg_"), message.TEST, "", message.WebhookTest(site, name))
    deliveries.put_test(engine, name, site, test, NOON)
    (claimed,) = deliveries.claim(engine, name, 1, NOON, NOON + 1)
    deliveries.settle(engine, claimed, "dead", NOON + 1, 500, "500 out of order")


def put_held(engine: Engine, name: str, site: str) -> str:
    """A crossing for this webhook that the control of an experiment holds back; the id of its delivery."""
    update = scored(1, site=site, band="high", experiments=(ArmAssignment("chat", "control", acts=False),))
    crossing = Crossing(registry.one(engine, name), "low", update)
    with transaction(engine) as connection:
        deliveries.put_crossings(connection, [crossing], NOON + 2)
    return message.crossed(crossing).id


def fill_operations(opened: DatabaseHandles) -> None:
    """One of each, of the site shop, and a webhook to remove."""
    write_letters(opened.client, dead_letter(1, "shop"))
    for name in ("wh_shop", "wh_old"):
        put_webhook(opened.engine, name, "shop")
