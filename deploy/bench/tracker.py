"""The tracker in Chromium: what a page view costs the main thread, and the bytes that a browser loads.

A small server on loopback gives the page and takes its batches. CPU is that of the tracker's own slices in the trace of
the browser, from the script's arrival to the answer to its first batch.
"""

import asyncio
import json
import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.bench.chromium import chromium
from deploy.bench.errors import BenchError
from deploy.bench.run import Run
from ingest import script

LOADS, QUICK_LOADS = 15, 5
#: Seconds that a page view may take before the run fails.
SECONDS = 60.0
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
#: A browser that is driven says so, and the tracker would keep still.
UNDRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });"
CATEGORIES = "devtools.timeline,v8,disabled-by-default-v8.compile"
#: Names of a trace's slices in which a script runs or is compiled.
SLICES = ("EvaluateScript", "FunctionCall", "v8.compile")
MISSING = "bench tracker needs Playwright and Chromium: install the dev extra, and run `make browser`"


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError without a browser, or when no batch arrives."""
    served = script.read(run.settings.ingest.script_path)
    with _site(served) as site:
        views = await _views(site, served.path, QUICK_LOADS if quick else LOADS)
    costs, longest = [sum(view) for view in views], [max(view) for view in views]
    figures = {
        "cpu_ms_per_page_view": statistics.median(costs),
        "longest_slice_ms": statistics.median(longest),
        "gzipped_bytes": float(len(served.script.gzipped)),
    }
    parts = ", ".join(f"{name} {len(file.gzipped):,}" for name, file in served.parts.items())
    notes = [
        f"{len(views)} page views: CPU {min(costs):.2f} to {max(costs):.2f} ms, longest slice {max(longest):.2f} ms",
        f"bytes of the parts that only some pages load, gzipped: {parts}; the stub {len(served.stub.gzipped):,}",
    ]
    return figures, notes


async def _views(site: "_BenchPage", path: str, loads: int) -> list[list[float]]:
    """For each page view the CPU ms of the tracker's slices."""
    async with chromium(MISSING) as browser:
        context = await browser.new_context(user_agent=AGENT)
        await context.add_init_script(UNDRIVEN)
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        return [await _view(page, session, site, path, number) for number in range(loads)]


async def _view(page: Any, session: Any, site: "_BenchPage", path: str, number: int) -> list[float]:
    events: list[dict[str, Any]] = []
    done = asyncio.Event()

    def collect(data: Mapping[str, Any]) -> None:
        events.extend(data["value"])

    session.on("Tracing.dataCollected", collect)
    session.once("Tracing.tracingComplete", lambda _: done.set())
    site.arrived.clear()
    await session.send("Tracing.start", {"categories": CATEGORIES})
    await page.goto(f"{site.url}/{number}")
    await page.evaluate("opEcomTracker.trackEvent('bench', 'view'), opEcomTracker.flush()")
    if not await asyncio.to_thread(site.arrived.wait, SECONDS):
        raise BenchError(f"no batch arrived within {SECONDS:.0f} s of page view {number}")
    await session.send("Tracing.end")
    async with asyncio.timeout(SECONDS):
        await done.wait()
    session.remove_listener("Tracing.dataCollected", collect)
    own = slices(events, path)
    if not own:
        raise BenchError("the browser's trace has no slice of the tracker")
    return own


def slices(events: list[dict[str, Any]], path: str) -> list[float]:
    """CPU ms of each slice of a trace in which the script at `path` ran or was compiled.

    A slice within another one is part of it.
    """
    own = [
        (each["ts"], each["ts"] + each["dur"], each["tid"], each.get("tdur", each["dur"]) / 1000)
        for each in events
        if each["ph"] == "X" and each["name"] in SLICES and path in json.dumps(each.get("args", {}))
    ]
    return [
        cost
        for begin, end, thread, cost in own
        if not any(t == thread and b <= begin and end <= e and (b, e) != (begin, end) for b, e, t, _ in own)
    ]


class _BenchPage:
    """A page with the tracker; `arrived` is set when a batch has come."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.arrived = threading.Event()


@contextmanager
def _site(served: script.Script) -> Iterator[_BenchPage]:
    class BenchHandler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """The run's own lines are enough."""

        def do_GET(self) -> None:
            file = served.plain.get(urlsplit(self.path).path)
            if file is not None:
                self._answer(file.media_type, file.content)
            else:
                self._answer("text/html; charset=utf-8", _html(site.url, served).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if any(event["type"] == "custom" for event in body["events"]):
                site.arrived.set()
            answer = json.dumps({"accepted": len(body["events"]), "refused": []})
            self._answer("application/json", answer.encode(), 202)

        def _answer(self, kind: str, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            for name, value in (("content-type", kind), ("content-length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), BenchHandler)
    server.daemon_threads = True
    site = _BenchPage(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _html(url: str, served: script.Script) -> str:
    return (
        f'<!doctype html><html lang="en"><head><title>Shop</title><script>{served.inline_stub}</script>'
        f'<script async src="{url}{served.path}" data-api="{url}" data-site="bench"></script></head>'
        '<body data-page-type="ProductRelated"><h1>Shop</h1><div style="height:3000px"></div></body></html>'
    )
