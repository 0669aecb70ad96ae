"""A page in private mode for `opecom bench browser`: what its visit asks of the server once it has loaded."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.bench.errors import BenchError
from deploy.bench.tracker import AGENT, UNDRIVEN
from ingest.script import JAVASCRIPT, Script

PATH = "/private"
#: Seconds that the first intent, and the last, may take before the run fails.
PATIENCE = 120
#: What the page does in order to be heard by whoever listens; STEPS are its events, the end of the visit aside.
JOURNEY = """async () => {
  opEcomTracker.trackEvent('click', 'button');
  for (const path of ['/products/1', '/products/2', '/cart']) {
    history.pushState(0, '', path);
    opEcomTracker.page('ProductRelated');
    await opEcomTracker.track('add_to_cart', { items: [{ id: path, price: 20 }], currency: 'EUR' });
  }
  opEcomTracker.trackPurchase(60, { orderId: 'o1', currency: 'EUR' });
  await opEcomTracker.flush();
}"""
#: session_start, four page views, a custom event, three additions to the cart and an order; pings come on top.
STEPS = 10
HTML = """<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">
<script type="module" async src="{source}" data-mode="private" data-site="bench" data-model="{model}"></script>
<script type="module" src="/listen.mjs"></script></head><body data-page-type="ProductRelated"></body></html>"""
#: `reached(n)` is done once an intent of so many events was heard.
LISTEN = """import {{ onIntent }} from '{source}';
let latest = 0;
const waiting = [];
const settle = () => waiting.filter(([events]) => events <= latest).forEach(([, done]) => done());
window.reached = (events) => new Promise((done) => {{ waiting.push([events, done]); settle(); }});
onIntent(({{ version }}) => {{ latest = version; settle(); }});
"""


def private_files(served: Script, model: str) -> Mapping[str, tuple[str, bytes]]:
    """Media type and content by path of the page and its modules; `model` is the path of the head."""
    page = HTML.format(source=served.private_path, model=model).encode()
    listen = LISTEN.format(source=served.private_path).encode()
    modules = {path: (file.media_type, file.content) for path, file in served.plain.items()}
    return {PATH: ("text/html; charset=utf-8", page), "/listen.mjs": (JAVASCRIPT, listen), **modules}


async def requests_in_private(browser: Any, url: str, requests: Sequence[str]) -> int:
    """How many requests a visit makes after load, until its page is gone; `requests` grows with those that arrive.

    Raises BenchError for a page that gives no scores.
    """
    context = await browser.new_context(user_agent=AGENT)
    await context.add_init_script(UNDRIVEN)
    page = await context.new_page()
    try:
        await page.goto(url + PATH.lstrip("/"))
        await _reached(page, 1)
        before = len(requests)
        await page.evaluate(JOURNEY)
        await _reached(page, STEPS)
        await page.goto("about:blank")
        return len(requests) - before
    except TimeoutError:
        raise BenchError(f"the page in private mode gave no score of its visit within {PATIENCE} s") from None
    finally:
        await context.close()


async def _reached(page: Any, events: int) -> None:
    async with asyncio.timeout(PATIENCE):
        await page.evaluate("(events) => window.reached(events)", events)
