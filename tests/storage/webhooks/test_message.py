"""What is sent says what crossed, under an id of its own, and verifies with the library of receivers."""

import time

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from storage.webhooks import message
from storage.webhooks.crossings import Crossing
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import SECRET, webhook

CROSSING = Crossing(webhook(), "low", scored(7, band="high", probability=0.91, label="YES"))


def test_a_crossing_states_who_where_and_why() -> None:
    said = msgspec.json.decode(message.encode(message.crossed(CROSSING)))
    assert said["type"] == "session.band"
    assert said["timestamp"] == "2025-01-01T12:00:01.000Z"
    reasons = said["data"].pop("reasons")
    assert reasons[0]["text"] == "value of the pages, 4.5, raises it by 20 points"
    assert said["data"] == {
        "site": "default",
        "session_id": "s1",
        "opened_at": NOON,
        "visitor_id": "v1",
        "from": "low",
        "to": "high",
        "status": "open",
        "probability": 0.91,
        "label": "YES",
        "updated_at": NOON + 1_000,
        "model_version": "first",
        "version": 7 << 12,
        "experiments": [],
        "holdout": False,
    }


def test_an_id_is_of_one_crossing_and_one_webhook() -> None:
    again = message.crossed(CROSSING)
    others = [
        Crossing(webhook(id="wh_two"), "low", CROSSING.update),
        Crossing(webhook(), "low", scored(8)),
        Crossing(webhook(), "low", scored(7, session_id="s2")),
        Crossing(webhook(), "low", scored(7, opened_at=NOON + 1)),
    ]
    ids = [again.id, *(message.crossed(other).id for other in others)]
    assert again.id == message.crossed(CROSSING).id
    assert len(set(ids)) == len(ids)
    assert message.test("default", "wh_one", NOON).id != message.test("default", "wh_one", NOON).id


def test_the_signature_verifies_and_another_body_secret_or_time_does_not() -> None:
    body, now = message.encode(message.crossed(CROSSING)), int(time.time() * 1000)
    signed = message.headers([SECRET], "msg_1", body, now)
    assert Webhook(SECRET).verify(body, signed)["data"]["to"] == "high"
    for changed_body, headers, secret in [
        (body.replace("high", "low"), signed, SECRET),
        (body, signed | {"webhook-id": "msg_2"}, SECRET),
        (body, signed, message.new_secret()),
        (body, message.headers([SECRET], "msg_1", body, now - 600_000), SECRET),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed_body, headers)


def test_in_the_time_of_a_rotation_either_secret_verifies() -> None:
    old, new, now = SECRET, message.new_secret(), int(time.time() * 1000)
    hook = webhook(secret=new, old_secret=old, old_secret_until=now + 1)
    body = message.encode(message.crossed(CROSSING))
    both = message.headers(hook.secrets_at(now), "msg_1", body, now)
    assert both["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert Webhook(secret).verify(body, both)["type"] == "session.band"
    after = message.headers(hook.secrets_at(now + 1), "msg_1", body, now)
    assert Webhook(new).verify(body, after)["type"] == "session.band"
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, after)
