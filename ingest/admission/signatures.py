"""Purchases and refunds that the site's own server signs, by the Standard Webhooks scheme: what proves that a body
comes from it.

Headers webhook-id, webhook-timestamp (seconds, at most five minutes off) and webhook-signature (v1, HMAC-SHA-256 of
`id.timestamp.body` by the site's secret).
"""

import base64
from collections.abc import Iterable, Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ingest.errors import RequestRefusedError

SIGNATURE = b"webhook-signature"
_HEADERS = (b"webhook-id", b"webhook-timestamp", SIGNATURE)
#: Bytes of a secret, at least: the half of what HMAC-SHA-256 can use.
SHORTEST = 16


def checked_secret(secret: str) -> str:
    """A secret of the settings; raises ValueError unless it is whsec_ and base64 of at least 16 bytes."""
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_") + "=="))
    except ValueError:
        size = 0
    if not secret.startswith("whsec_") or size < SHORTEST:
        raise ValueError(
            f"a secret is whsec_ and base64 of at least {SHORTEST} bytes: `opecom sites rotate NAME --purchase`"
        )
    return secret


def signed(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the request claims to be signed."""
    return SIGNATURE in headers


def prove(headers: Mapping[bytes, bytes], body: bytes, site: str, secrets: Iterable[str]) -> None:
    """Raise RequestRefusedError(wrong_signature) unless a secret of the site signed this body within five minutes."""
    given = {name.decode(): headers.get(name, b"").decode("latin-1") for name in _HEADERS}
    missing = f"the site {site} has no purchase secret: `opecom sites rotate {site} --purchase` makes one"
    for secret in secrets:
        try:
            Webhook(secret).verify(body, given, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            missing = str(error) if isinstance(error, WebhookVerificationError) else "webhook-signature cannot be read"
        else:
            return
    raise RequestRefusedError("wrong_signature", f"the signature does not hold: {missing}")
