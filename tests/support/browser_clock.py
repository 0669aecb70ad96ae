"""A page of a tracked site whose clock a test moves by hours."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from tests.support.tracked import Tracked, Visit, counted

#: Lets a test say whether the page can be seen.
SEEN = """
    let state = 'visible';
    Object.defineProperty(Document.prototype, 'visibilityState', { get: () => state });
    window.see = (now) => { state = now; document.dispatchEvent(new Event('visibilitychange')); };
"""
MINUTE = 60_000


@contextmanager
def still(tracked: Tracked) -> Iterator[tuple[Visit, Page]]:
    """A page whose clock moves only by `run_for` and `fast_forward`; its view is counted and sent."""
    with tracked.visit(SEEN) as visit:
        page = visit.context.new_page()
        page.clock.install()
        page.goto(tracked.pages.url)
        page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
        counted(page)
        yield visit, page


@contextmanager
def hours(visit: Visit, page: Page) -> Iterator[None]:
    """Offline meanwhile: a clock that jumps would give up every request under way, and send it again."""
    visit.context.set_offline(True)
    try:
        yield
    finally:
        visit.context.set_offline(False)
        page.evaluate("opEcomTracker.flush()")
