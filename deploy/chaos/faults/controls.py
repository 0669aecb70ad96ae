"""What changes answers, put into the log while a worker dies: page statistics, and visitors to be forgotten."""

import asyncio
import json
from uuid import UUID

from deploy.chaos.faults.admin_calls import call
from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.installation import SITE
from deploy.log.controls import put_pages
from stream.fold.pages import PageRow

#: Pages of a version; seconds within which an erasure must be done.
PAGES, ERASED_WITHIN = 2_000, 90.0


def _pages(context: FaultContext) -> float:
    """A whole version, while workers come and go."""
    installation, chance = context.installation, context.chance
    rows = [
        PageRow("", SITE, f"/p/{page}", round(chance.random() / 5, 4), round(chance.random() / 5, 4), page / 2)
        for page in range(PAGES)
    ]
    installation.kill(installation.any_worker(chance))
    asyncio.run(put_pages(installation.direct.kafka, rows))
    return now()


def _erasure(context: FaultContext) -> float | None:
    """A visitor of an hour ago is forgotten, by the API as a user does it, while a part dies."""
    installation, chance = context.installation, context.chance
    number = chance.randrange(20)
    visitor = f"past-{number}"
    context.note = visitor
    path = f"/admin/visitors/{visitor}?site={SITE}"
    if not installation.until(lambda: bool(call(context, "DELETE", path)), ERASED_WITHIN, 0.5):
        return None
    context.erased[str(UUID(int=number + 1))] = visitor
    installation.kill(chance.choice(["writer", installation.any_worker(chance)]))
    killed = now()
    installation.until(lambda: _is_erased(context, visitor), ERASED_WITHIN, 0.5)
    return killed


def erasures_done(context: FaultContext) -> bool:
    """Whether every visitor that a fault has had erased is forgotten."""
    return all(_is_erased(context, visitor) for visitor in context.erased.values())


def _is_erased(context: FaultContext, visitor: str) -> bool:
    answer = call(context, "GET", f"/admin/visitors/{visitor}/erasure?site={SITE}")
    return bool(answer) and json.loads(answer)["state"] == "done"


CONTROLS = {
    "page statistics reloaded": FaultKind(_pages),
    "visitor erased": FaultKind(_erasure),
}
