"""What the routes of dead letters answer. Plain data; times are ms UTC."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from stream.scored import DeadReason

#: publishing: `opecom topics retry-failed` is at it.
ResentState = Literal["sending", "publishing", "sent"]


class ResentLetter(Struct, frozen=True, kw_only=True):
    """A dead letter that was sent again: as which event, and who sent it. `state` is sending where the answer of the
    ingest API is not known yet; `event` is the event as it was sent."""

    letter: str
    state: ResentState
    event_id: str
    site: str
    session_id: str
    visitor_id: str
    event: msgspec.Raw
    sent_by: str
    claimed_at: int
    sent_at: int


class DeadLetterSummary(Struct, frozen=True, kw_only=True):
    """A line of the list. `site` is "" where key and text name none, or two; `dead_at` null in rows of old."""

    letter: str
    log: str
    topic: str
    partition: int
    offset: int
    reason: DeadReason
    detail: str
    site: str
    dead_at: int | None
    bytes: int
    resent: ResentLetter | None


class DeadLetterList(Struct, frozen=True):
    """The newest first. `total` and `reasons` count all letters of the filter but for `state`; `next` is the cursor of
    the next page, "" after the last one."""

    total: int
    reasons: dict[str, int]
    next: str
    letters: list[DeadLetterSummary]


class WholeDeadLetter(Struct, frozen=True, kw_only=True):
    """One letter. `text` is its value with everything escaped that is no printable character, `base64` its bytes.

    `draft` is the event as it can be sent again, null where none can be read off it; `hint` says what to mind."""

    summary: DeadLetterSummary
    key: str
    text: str
    is_text: bool
    base64: str
    draft: dict[str, Any] | None
    hint: str


class ResendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of POST /dead-letters/{letter}/send: the event as a batch has it, and the site where the letter has
    none."""

    event: msgspec.Raw
    site: str = ""
