"""Sends a dead letter again, through the ingest API and so that it counts once.

A row of the relational database is claimed first, with the event as it goes. Whoever comes second, after a double
click, a crash or an answer that was lost, sends that very event: same event_id, same time. In its session it counts
once by its id; once that session may have closed it is late by its time, and a dead letter instead of a second count.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from ingest import collect
from ingest.errors import RequestRefusedError
from ingest.events import Event, base_site
from ingest.schemas import Moment, SentEvent
from storage.database.threads import in_thread
from storage.dead_letters.answers import ResentLetter
from storage.dead_letters.draft import event_of
from storage.dead_letters.ingest_client import IngestClient, IngestResponse
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.reads import DeadLetterReads, StoredLetter
from storage.http.access import Caller
from storage.http.errors import ReadError
from stream.fold.partition import LATE

_event = msgspec.json.Decoder(SentEvent)
_object = msgspec.json.Decoder(dict[str, Any])
#: Seconds after which an event whose answer is not known may be asked for again.
RETRY_SECONDS = 5


class _Prepared(Struct, frozen=True):
    """An event as it will be sent."""

    body: bytes
    event_id: str
    session_id: str
    visitor_id: str


class LetterResender:
    """`now` gives ms UTC, `new_id` a new event_id."""

    def __init__(
        self,
        reads: DeadLetterReads,
        ledger: ResentLedger,
        ingest: IngestClient,
        now: Callable[[], int],
        new_id: Callable[[], str] = collect.new_id,
    ) -> None:
        self._reads = reads
        self._ledger = ledger
        self._ingest = ingest
        self._now = now
        self._new_id = new_id

    async def send(self, stored: StoredLetter, edited: bytes, site: str, caller: Caller) -> ResentLetter:
        """Send the letter again as the `edited` event of `site`; raises ReadError.

        1 claim the letter, with the event and its id; where it is claimed, its claim holds · 2 of an earlier claim see
        whether the log has the event · 3 send it · 4 note that it was taken, or give the letter free where it certainly
        was not. A crash after 1 leaves the claim, and the next one who asks goes on with it.
        """
        place = stored.row.place
        letter_event = event_of(stored.key, stored.raw) if place.topic == "events" else None
        known = (await in_thread(self._ledger.of, [place])).get(place)
        if known is None:
            wanted = self._wanted(stored, letter_event, edited, site, caller)
            claimed = await in_thread(self._ledger.claim, wanted)
            is_ours = claimed == wanted
        else:
            claimed, is_ours = known, False
        if claimed.state == "sent":
            return claimed
        if not is_ours:
            named = (place, claimed.site, claimed.session_id, claimed.event_id)
            if await in_thread(self._reads.is_in_log, *named):
                return await in_thread(self._ledger.mark_sent, claimed, claimed.event_id, self._now())
        if claimed.state == "publishing":
            raise ReadError(
                "busy",
                f"`opecom topics retry-failed` of {claimed.sent_by} was publishing {place}: run it again to its end",
            )
        answer = await self._ingest(
            claimed.site, bytes(claimed.event), _is_verified(letter_event), _is_bot(letter_event)
        )
        if answer.outcome == "accepted":
            return await in_thread(self._ledger.mark_sent, claimed, answer.event_id or claimed.event_id, self._now())
        if answer.outcome == "refused" or (answer.outcome == "not_sent" and is_ours):
            await in_thread(self._ledger.release, claimed)
        raise _refusal(answer, claimed)

    def _wanted(
        self, stored: StoredLetter, letter_event: Event | None, edited: bytes, site: str, caller: Caller
    ) -> ResentLetter:
        place = stored.row.place
        if place.topic != "events":
            raise ReadError("invalid", f"{place} is no event: `opecom replay` makes scores again from the log")
        if letter_event is not None and letter_event.clock != "live":
            raise ReadError("invalid", f"{place} is of an import: import its history again, or run `opecom replay`")
        if not site or site != base_site(site):
            raise ReadError("invalid", "site: name the site of this event, as its letter has none")
        prepared = self._prepared(edited, letter_event)
        return ResentLetter(
            letter=str(place),
            state="sending",
            event_id=prepared.event_id,
            site=site,
            session_id=prepared.session_id,
            visitor_id=prepared.visitor_id,
            event=msgspec.Raw(prepared.body),
            sent_by=caller.name[:100],
            claimed_at=self._now(),
            sent_at=0,
        )

    def _prepared(self, edited: bytes, letter_event: Event | None) -> _Prepared:
        """The event with an id and a time of its own, so that it can be sent any number of times; raises ReadError."""
        try:
            sent = collect.decoded(_event, edited)
        except RequestRefusedError as refusal:
            raise ReadError("invalid", f"event: {refusal.reason}") from None
        now = self._now()
        at = now if sent.occurred_at is None else _millis(sent.occurred_at)
        if now - at > LATE:
            raise ReadError(
                "invalid",
                "event: occurred_at is more than ten minutes ago, so it would be late again: leave it out and the "
                "event counts now, or fold it in its own place with `opecom replay --include-late`",
            )
        event_id = sent.event_id or (letter_event.event_id if letter_event else self._new_id())
        if _is_verified(letter_event) and not _is_same_order(sent, letter_event):
            raise ReadError(
                "invalid", "event: the shop's server signed this one, so its type, order_id and amount must stay"
            )
        fields = _object.decode(edited) | {"event_id": event_id.lower(), "occurred_at": at}
        return _Prepared(
            msgspec.json.encode(fields), event_id.lower(), sent.session_id, sent.visitor_id or sent.session_id
        )


def _is_verified(event: Event | None) -> bool:
    """Whether the shop's own server vouched for its money; only a record that is an event can tell."""
    money = event and (event.purchase or event.commerce)
    return bool(money and money.verified)


def _is_bot(event: Event | None) -> bool:
    return event is not None and "bot" in event.flags


def _is_same_order(sent: SentEvent, event: Event | None) -> bool:
    """Whether what the shop's server vouched for stays as it was."""
    if event is None or sent.type != event.type:
        return False
    return _money(sent) == _money(event)


def _money(event: SentEvent | Event) -> tuple[Any, ...]:
    """What a purchase or a refund is worth, spelled alike whoever wrote it."""
    if event.purchase is not None:
        return str(event.purchase.order_id), float(event.purchase.amount), event.purchase.currency
    if event.commerce is not None:
        step = event.commerce
        worth = None if step.value is None else float(step.value)
        return step.action, str(step.order_id), worth, step.currency
    return ()


def _millis(moment: Moment) -> int:
    return round(moment.timestamp() * 1000) if isinstance(moment, datetime) else int(moment)


def _refusal(answer: IngestResponse, claimed: ResentLetter) -> ReadError:
    if answer.outcome == "refused":
        return ReadError("invalid", f"the ingest API refused it: {answer.reason}")
    if answer.outcome == "not_sent":
        return ReadError("unavailable", f"it was not sent: {answer.reason}", answer.retry_after or RETRY_SECONDS)
    return ReadError(
        "unavailable",
        f"nobody knows whether the log has it ({answer.reason}): send it again, it goes as event {claimed.event_id} "
        "and counts once",
        answer.retry_after or RETRY_SECONDS,
    )
