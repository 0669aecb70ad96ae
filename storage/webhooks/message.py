"""What a webhook is sent, and its signature, as Standard Webhooks say (standardwebhooks.com)."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook as Signer

from scoring.manifest import Band, Label
from scoring.reasons import ReasonText
from storage.query.intents import reasons_of
from storage.webhooks.crossings import Crossing, Firing
from stream.scored import ArmAssignment, Status, identity_of

CROSSED, FIRED, TEST = "session.band", "session.intervention", "webhook.test"


class BandCrossing(Struct, frozen=True, kw_only=True):
    """The data of `session.band`: the session as it stands after the crossing. Times are ms UTC.

    `holdout` is true only in what is held back.
    """

    site: str
    session_id: str
    opened_at: int
    visitor_id: str
    left: Band = msgspec.field(name="from")
    entered: Band = msgspec.field(name="to")
    status: Status
    probability: float
    label: Label
    reasons: tuple[ReasonText, ...]
    updated_at: int
    model_version: str
    version: int
    experiments: tuple[ArmAssignment, ...] = ()
    holdout: bool = False


class InterventionFired(Struct, frozen=True, kw_only=True):
    """The data of `session.intervention`: the session as it stood when it fired. Times are ms UTC; `payload` is the
    shop's own, null where the intervention has none.
    """

    site: str
    session_id: str
    opened_at: int
    visitor_id: str
    intervention: str
    fired_at: int
    payload: msgspec.Raw
    status: Status
    probability: float
    label: Label
    band: Band
    reasons: tuple[ReasonText, ...]
    idle_seconds: float
    model_version: str
    version: int


class WebhookTest(Struct, frozen=True):
    """The data of `webhook.test`."""

    site: str
    webhook_id: str


class Message(Struct, frozen=True):
    """The body; `timestamp` (RFC 3339) is when it happened, `id` the same in every attempt."""

    id: str
    type: str
    timestamp: str
    data: BandCrossing | InterventionFired | WebhookTest


def crossed(crossing: Crossing) -> Message:
    """The message of a crossing; its id follows from the webhook and the update."""
    update = crossing.update
    seed = msgspec.json.encode((crossing.webhook.id, *identity_of(update), update.version))
    data = BandCrossing(
        site=update.site,
        session_id=update.session_id,
        opened_at=update.opened_at,
        visitor_id=update.visitor_id,
        left=crossing.before,
        entered=crossing.entered,
        status=update.status,
        probability=update.probability,
        label=update.label,
        reasons=reasons_of(update),
        updated_at=update.updated_at,
        model_version=update.model_version,
        version=update.version,
        experiments=update.experiments,
        holdout=update.holdout,
    )
    return Message(_id("msg", hashlib.sha256(seed).digest()[:15]), CROSSED, _moment(update.updated_at), data)


def fired(firing: Firing, webhook_id: str) -> Message:
    """The message of an intervention; its id follows from the webhook, the session and the intervention."""
    update, what = firing.update, firing.intervention
    seed = msgspec.json.encode((webhook_id, *identity_of(update), what.name))
    data = InterventionFired(
        site=update.site,
        session_id=update.session_id,
        opened_at=update.opened_at,
        visitor_id=update.visitor_id,
        intervention=what.name,
        fired_at=what.fired_at,
        payload=msgspec.Raw((what.payload or "null").encode()),
        status=update.status,
        probability=update.probability,
        label=update.label,
        band=update.band,
        reasons=reasons_of(update),
        idle_seconds=update.idle_seconds,
        model_version=update.model_version,
        version=update.version,
    )
    return Message(_id("msg", hashlib.sha256(seed).digest()[:15]), FIRED, _moment(what.fired_at), data)


class _NamedIntervention(Struct, frozen=True):
    intervention: str


class _FiredMessage(Struct, frozen=True):
    data: _NamedIntervention


def intervention_of(body: str) -> str:
    """Which intervention a message of the type `session.intervention` is of."""
    return msgspec.json.decode(body, type=_FiredMessage).data.intervention


def test(site: str, webhook_id: str, now: int) -> Message:
    """A message that says nothing but that a webhook works; `now` in ms UTC."""
    return Message(_id("msg", secrets.token_bytes(15)), TEST, _moment(now), WebhookTest(site, webhook_id))


def encode(message: Message) -> str:
    return msgspec.json.encode(message).decode()


def headers(signing: Sequence[str], message_id: str, body: str, now: int) -> dict[str, str]:
    """The headers that sign a body for this attempt with each of these secrets; `now` in ms UTC.

    A receiver that knows one of them verifies: Standard Webhooks have a list of signatures, separated by spaces.
    """
    moment = datetime.fromtimestamp(now // 1000, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": " ".join(Signer(each).sign(message_id, moment, body) for each in signing),
    }


def new_id() -> str:
    """The id of a new webhook."""
    return _id("wh", secrets.token_bytes(10))


def new_secret() -> str:
    """A secret of 32 random bytes, as Standard Webhooks write it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _id(kind: str, raw: bytes) -> str:
    return f"{kind}_{base64.b32encode(raw).decode().lower()}"


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
