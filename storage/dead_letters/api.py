"""Dead letters over HTTP: what there are, one as it is, and one that was fixed sent again. For keys of scope admin."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.admin.moments import millis
from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.dead_letters.answers import DeadLetterList, ResendRequest, ResentLetter, WholeDeadLetter
from storage.dead_letters.listing import DeadLetterListing, LetterState
from storage.dead_letters.place import LetterPlace, WrongPlaceError
from storage.dead_letters.reads import LetterFilter, StoredLetter
from storage.dead_letters.resend import LetterResender
from storage.http.access import Access, Caller
from storage.http.answers import answered, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from stream.scored import DeadReason

MOST_LETTERS = 500
#: Bytes of an event that is sent again; the ingest API takes no more.
MOST_BYTES = 400_000
RETRY_SECONDS = 2

LetterName = Annotated[str, Path(max_length=200, description="log:topic:partition:offset, as the list has it.")]


class LettersQuery(BaseModel):
    """Which letters; a misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str | None = Field(None, max_length=97, description="One site with its runs; none: all.")
    reason: DeadReason | None = Field(None, description="undecodable, late, overflow or failed; none: all.")
    topic: str | None = Field(None, max_length=40, description="events, scored-sessions or events-dead; none: all.")
    state: LetterState = Field("all", description="open: not sent again yet; sent: sent again.")
    text: str = Field("", max_length=200, description="Stands in the detail or in the key.")
    since: datetime | None = Field(None, alias="from", description="Dead since, ISO 8601 (UTC).")
    until: datetime | None = Field(None, alias="to", description="Dead before.")
    cursor: str = Field("", max_length=220, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=MOST_LETTERS, description="Most letters of one answer.")

    def chosen(self, caller: Caller) -> LetterFilter:
        """What of it the caller sees."""
        return LetterFilter(
            site=self.site,
            reason=self.reason,
            topic=self.topic,
            since=millis(self.since),
            until=millis(self.until),
            text=self.text,
            sites=caller.sites,
        )


def dead_letter_routes(listing: DeadLetterListing, resender: LetterResender, access: Access) -> APIRouter:
    """The routes under /dead-letters; `access` asks for the scope. A letter of no site is for keys of all sites."""
    router = APIRouter(prefix="/dead-letters", tags=["operations"], dependencies=[ADMIN_KEY])
    permitted = Depends(access.of)

    @router.get(
        "",
        summary="Dead letters, a page at a time, and what became of them",
        responses=answered(DeadLetterList, "unavailable"),
    )
    async def list_dead_letters(
        params: Annotated[LettersQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        try:
            found = await in_thread(listing.page, params.chosen(caller), params.state, params.cursor, params.limit)
        except WrongPlaceError as error:
            raise ReadError("invalid", f"cursor: {error}") from None
        except DatabaseUnavailableError as error:
            raise _away(error) from error
        return unkept(found)

    @router.get(
        "/{letter}",
        summary="A dead letter as it is, and as it can be sent again",
        responses=answered(WholeDeadLetter, "not_found", "unavailable"),
    )
    async def get_dead_letter(request: Request, letter: LetterName, caller: Annotated[Caller, permitted]) -> Response:
        stored, resent = await _seen(request, letter, caller)
        return unkept(listing.whole(stored, resent))

    @router.post(
        "/{letter}/send",
        summary="Send a dead letter again, as it is or fixed, through the ingest API; it counts once",
        description="Who sends a letter that was sent already gets what was sent then.",
        responses=answered(ResentLetter, "not_found", "too_large", "unavailable"),
        openapi_extra=takes(ResendRequest),
    )
    async def send_dead_letter(request: Request, letter: LetterName, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, ResendRequest, "an event", MOST_BYTES)
        stored, _ = await _seen(request, letter, caller)
        site = stored.row.site or wanted.site
        if wanted.site not in ("", site):
            raise ReadError("invalid", f"site: the letter is of the site {site}")
        try:
            sent = await resender.send(stored, bytes(wanted.event), site, caller)
        except DatabaseUnavailableError as error:
            raise _away(error) from error
        return unkept(sent)

    async def _seen(request: Request, letter: str, caller: Caller) -> tuple[StoredLetter, Any]:
        """The letter; what the caller may not see is answered like what does not exist."""
        unknown = ReadError("not_found", f"there is no dead letter {letter!r:.100}: GET /dead-letters lists them")
        try:
            found = await in_thread(listing.one, LetterPlace.parse(letter))
        except WrongPlaceError:
            raise unknown from None
        except DatabaseUnavailableError as error:
            raise _away(error) from error
        if found is None:
            raise unknown
        site = found[0].row.site
        if not (caller.sees(site) if site else caller.sites is None):
            raise unknown
        record_of(request.scope).site = site
        return found

    return router


def _away(error: DatabaseUnavailableError) -> ReadError:
    return ReadError("unavailable", f"a database does not answer: {error}", RETRY_SECONDS)
