"""The webhooks themselves: made, listed, put out of use and into it again, removed."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from storage.errors import StorageError
from storage.webhooks.crossings import Wanted, Webhook
from storage.webhooks.database import reading, transaction
from storage.webhooks.deliveries import give_up_all
from storage.webhooks.message import new_id, new_secret
from storage.webhooks.tables import bands, webhooks


class UnknownWebhookError(StorageError, LookupError):
    """There is no webhook of this id."""


def add(engine: Engine, site: str, url: str, wanted: tuple[Wanted, ...], allow_private: bool, now: int) -> Webhook:
    """Make a webhook; `now` in ms UTC. What sessions do from now on concerns it."""
    with transaction(engine) as connection:
        made = Webhook(
            id=new_id(),
            site=site,
            url=url,
            wanted=wanted,
            secret=new_secret(),
            allow_private=allow_private,
            created_at=now,
            since=now,
            bands_since=_bands_since(connection, site, now),
        )
        connection.execute(insert(webhooks).values(_row(made)))
    return made


def every(engine: Engine) -> list[Webhook]:
    """All webhooks, the oldest first."""
    with reading(engine) as connection:
        rows = connection.execute(select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)).mappings().fetchall()
    return [_webhook(dict(row)) for row in rows]


def one(engine: Engine, webhook_id: str) -> Webhook:
    """Raises UnknownWebhookError."""
    for webhook in every(engine):
        if webhook.id == webhook_id:
            return webhook
    raise UnknownWebhookError(webhook_id)


def disable(engine: Engine, webhook_id: str, why: str) -> None:
    """Put a webhook out of use, and give up what is due for it."""
    with transaction(engine) as connection:
        connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(disabled=why[:300]))
        give_up_all(connection, webhook_id, f"the webhook is disabled: {why}")


def enable(engine: Engine, webhook_id: str, now: int) -> None:
    """Put it into use again, for what sessions do from now on (ms UTC); raises UnknownWebhookError."""
    found = one(engine, webhook_id)
    if not found.disabled:
        return
    with transaction(engine) as connection:
        since = _bands_since(connection, found.site, now)
        connection.execute(
            update(webhooks).where(webhooks.c.id == webhook_id).values(disabled="", since=now, bands_since=since)
        )


def rotate(engine: Engine, webhook_id: str, now: int, grace_ms: int) -> Webhook:
    """Give a webhook a new secret; the one it had signs beside it for so long, one before that no more.

    Raises UnknownWebhookError.
    """
    found = one(engine, webhook_id)
    rotated = msgspec.structs.replace(
        found, secret=new_secret(), old_secret=found.secret if grace_ms else "", old_secret_until=now + grace_ms
    )
    kept = {name: getattr(rotated, name) for name in ("secret", "old_secret", "old_secret_until")}
    with transaction(engine) as connection:
        # Of two at a time one is made; the other would have shown a secret that nothing signs with.
        is_mine = (webhooks.c.id == webhook_id) & (webhooks.c.secret == found.secret)
        if not connection.execute(update(webhooks).where(is_mine).values(kept)).rowcount:
            raise UnknownWebhookError(webhook_id)
    return rotated


def remove(engine: Engine, webhook_id: str) -> None:
    """Remove a webhook and give up what is due for it; its log stays. Raises UnknownWebhookError."""
    with transaction(engine) as connection:
        if not connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id)).rowcount:
            raise UnknownWebhookError(webhook_id)
        give_up_all(connection, webhook_id, "the webhook was removed")


def _bands_since(connection: Connection, site: str, now: int) -> int:
    """Since when the bands of the site's sessions are known; what is left of an earlier time is forgotten."""
    known = connection.execute(
        select(func.min(webhooks.c.bands_since)).where(webhooks.c.site == site, webhooks.c.disabled == "")
    ).scalar()
    if known is not None:
        return int(known)
    connection.execute(delete(bands).where(bands.c.site == site))
    return now


def _row(webhook: Webhook) -> dict[str, Any]:
    row = {name: getattr(webhook, name) for name in webhook.__struct_fields__}
    return row | {"wanted": " ".join(webhook.wanted)}


def _webhook(row: dict[str, Any]) -> Webhook:
    return Webhook(**(row | {"wanted": tuple(row["wanted"].split()), "allow_private": bool(row["allow_private"])}))
