"""The ingest API as a resend sees it: one event in, an answer out. The real one is deploy/wiring/dead_letters.py."""

from typing import Literal, Protocol

from msgspec import Struct

#: accepted: it is in the log. refused: it is not, and would be refused again. not_sent: it is not, and may be sent
#: again. unknown: nobody knows whether it is.
IngestOutcome = Literal["accepted", "refused", "not_sent", "unknown"]


class IngestResponse(Struct, frozen=True):
    """What the ingest API answered: `event_id` of an accepted event, `reason` in one line of any other."""

    outcome: IngestOutcome
    event_id: str = ""
    reason: str = ""
    retry_after: int | None = None


class IngestClient(Protocol):
    """Sends an event of a site to the ingest API, and never raises for what goes wrong on the way."""

    async def __call__(self, site: str, event: bytes, is_verified: bool, is_bot: bool) -> IngestResponse:
        """`event` is one of a batch, as JSON. `is_verified`: the site's own server had signed it, or its site counts
        what browsers report; `is_bot`: a program had sent it."""
        ...


class ListIngestClient:
    """Keeps what is sent, for tests; `answers` are given one after the other, then everything is accepted."""

    def __init__(self, *answers: IngestResponse) -> None:
        self.sent: list[tuple[str, bytes, bool, bool]] = []
        self.answers = list(answers)

    async def __call__(self, site: str, event: bytes, is_verified: bool, is_bot: bool) -> IngestResponse:
        self.sent.append((site, event, is_verified, is_bot))
        return self.answers.pop(0) if self.answers else IngestResponse("accepted")
