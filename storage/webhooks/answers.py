"""What the webhooks' routes and commands show. Plain data; times are ms UTC."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from storage.webhooks.crossings import Wanted, Webhook
from storage.webhooks.deliveries import Delivery, State

#: Hours for which an old secret signs too, unless said otherwise, and at most.
GRACE_HOURS, MOST_HOURS = 24, 720


class WebhookView(Struct, frozen=True):
    """A webhook as the list shows it: without its secret. `disabled` says why it is out of use, "" while it is used."""

    id: str
    site: str
    url: str
    on: tuple[Wanted, ...]
    allow_private: bool
    created_at: int
    disabled: str
    #: Until when its old secret signs too; 0: it has none.
    old_secret_until: int


class WebhookList(Struct, frozen=True):
    """The oldest first."""

    webhooks: list[WebhookView]


class WebhookOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of POST /webhooks; `on` empty: every crossing."""

    site: str
    url: str
    on: tuple[Wanted, ...] = ()
    allow_private: bool = False


class RotationOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many hours the secret that a webhook has signs beside the new one; 0: no longer, as it has leaked."""

    hours: Annotated[int, Meta(ge=0, le=MOST_HOURS)] = GRACE_HOURS


class NewWebhook(Struct, frozen=True):
    """A webhook that was made or rotated; its secret is not shown again. `notice`: what to look at, "" for nothing."""

    webhook: WebhookView
    secret: str
    notice: str


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A message to a receiver and what became of it: `status` and `detail` are those of the last attempt."""

    id: str
    webhook_id: str
    kind: str
    site: str
    session_id: str
    visitor_id: str
    message: msgspec.Raw
    state: State
    attempts: int
    due_at: int
    created_at: int
    tried_at: int
    status: int
    detail: str


class DeliveryList(Struct, frozen=True):
    """The newest first; `next` is the cursor of the next page, "" after the last one."""

    deliveries: list[DeliveryView]
    next: str


def view_of(webhook: Webhook) -> WebhookView:
    return WebhookView(
        webhook.id,
        webhook.site,
        webhook.url,
        webhook.wanted,
        webhook.allow_private,
        webhook.created_at,
        webhook.disabled,
        webhook.old_secret_until if webhook.old_secret else 0,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    given = {name: getattr(delivery, name) for name in DeliveryView.__struct_fields__ if name != "message"}
    return DeliveryView(message=msgspec.Raw(delivery.body.encode()), **given)
