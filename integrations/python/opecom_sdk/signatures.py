"""Standard Webhooks (https://www.standardwebhooks.com): signs purchases, verifies webhooks.

A signature is "v1," and base64 of HMAC-SHA-256 over `id.timestamp.body`, by the bytes in base64 behind `whsec_`.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from opecom_sdk.errors import SignatureError

#: Seconds by which a timestamp may be off, as Standard Webhooks recommend.
TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"


def secret_bytes(secret: str) -> bytes:
    """The bytes of a secret; raises ValueError unless it is whsec_ and base64."""
    try:
        content = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        content = b""
    if not secret.startswith(_PREFIX) or not content:
        raise ValueError("a secret is whsec_ and base64: copy what `opecom` printed, whole")
    return content


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`; `timestamp` in seconds. Raises ValueError for a wrong secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret_bytes(secret), signed, hashlib.sha256)).decode()


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes | str,
    tolerance_seconds: int = TOLERANCE_SECONDS,
    now: float | None = None,
) -> dict[str, Any]:
    """The message of a webhook, if it is signed by `secret` and fresh.

    `body` as it came, before any JSON parser had it; names of headers in any case; `now` in seconds, the clock's if
    None. While a secret is rotated the header has several signatures, of which one has to be ours.

    Raises SignatureError, and ValueError for a wrong secret. The same message can come twice: know it by its `id`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else body
    message_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "").split()
    if not message_id or not signatures or not (stamp.isascii() and stamp.isdigit()):
        raise SignatureError("the request needs the headers webhook-id, webhook-timestamp and webhook-signature")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance_seconds:
        raise SignatureError(f"webhook-timestamp is more than {tolerance_seconds} s off: is this machine's clock set?")
    ours = sign(secret, message_id, int(stamp), content).encode()
    if not any(hmac.compare_digest(ours, each.encode()) for each in signatures):
        raise SignatureError("no signature holds: wrong secret, or the body is not as it was sent")
    message = json.loads(content)
    if not isinstance(message, dict):
        raise SignatureError("the body is signed, but is no message")
    return message
