"""The console in Chromium against a running stack: bytes of script, accessibility, policy, layout, time, and memory.

`opecom up` runs as users run it, with sessions that come while the page Live is open. Bytes are those that came over
the wire. What axe-core finds is of the version that web/console locks.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from uuid_utils import uuid7

from deploy.bench.chromium import chromium
from deploy.bench.embedded import embedded, running
from deploy.bench.errors import BenchError
from deploy.bench.http import connections
from deploy.bench.run import Run, changed
from deploy.bench.simulation import SITE
from deploy.console.build import PAGES, SOURCES
from deploy.processes.ports import free_port
from deploy.settings.model import Settings
from deploy.wiring.keys import admin_key

PATHS = ("overview", "live", "session", "predict", "models", "experiments", "interventions", "operations", "setup")
#: The pages with charts; of them the largest counts.
CHARTS = ("overview", "live", "session", "models")
THEMES = ("light", "dark")
#: Updates a second while Live is open, how many sessions they are of, and for how many seconds.
RATE, SESSIONS, SECONDS, QUICK_SECONDS = 200, 400, 600, 30
#: Seconds after which the open page's memory counts: what grows at first is kept for later.
WARM, QUICK_WARM = 60, 10
LOADS, QUICK_LOADS = 5, 2
AXE = SOURCES / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "bench console needs the built console and Chromium: run `make console` and `make browser`"
ARGS = ("--disable-background-networking", "--enable-precise-memory-info")
#: Sums what the page's layout moved by itself, and keeps when its largest part was drawn and its longest task.
OBSERVED = """
window.bench = { shift: 0, largest: 0, longest: 0 };
const observe = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
observe('layout-shift', (entry) => { if (!entry.hadRecentInput) window.bench.shift += entry.value; });
observe('largest-contentful-paint', (entry) => { window.bench.largest = entry.startTime; });
observe('longtask', (entry) => { window.bench.longest = Math.max(window.bench.longest, entry.duration); });
"""


@dataclass
class PageLoad:
    """What one load of one page showed."""

    script_bytes: int = 0
    serious: list[str] = field(default_factory=list)
    shift: float = 0.0
    largest_ms: float = 0.0


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError without pages, without a browser, or where the system
    does not start."""
    if not (PAGES / "index.html").is_file() or not AXE.is_file():
        raise BenchError(MISSING)
    settings = changed(embedded(run.settings), "console", port=free_port())
    async with running(run, settings), chromium(MISSING, *ARGS) as browser:
        key = settings.sites[SITE].write_keys[0]
        async with _visits(settings, key):
            pages = [await _page(browser, settings, name, theme, quick) for theme in THEMES for name in PATHS]
            by_name = dict(zip([(theme, name) for theme in THEMES for name in PATHS], pages, strict=True))
            violations = sum(len(each.violations) for each in pages)
            growth, longest = await _live(browser, settings, quick)
    kilobytes = {name: by_name["light", name].seen[0].script_bytes / 1_000 for name in PATHS}
    serious = [fault for each in pages for fault in each.seen[0].serious]
    slowest = {name: statistics.median(seen.largest_ms for seen in by_name["light", name].seen) for name in PATHS}
    figures = {
        "script_kb_predict": kilobytes["predict"],
        "script_kb_charts": max(kilobytes[name] for name in CHARTS),
        "axe_serious": float(len(serious)),
        "csp_violations": float(violations),
        "layout_shift": max(seen.shift for each in pages for seen in each.seen),
        "first_load_ms": max(slowest.values()),
        "heap_growth_mb": growth,
        "longest_task_ms": longest,
    }
    listed = ", ".join(f"{name} {kilobytes[name]:.0f} kB and {slowest[name]:.0f} ms" for name in PATHS)
    minutes = (QUICK_SECONDS if quick else SECONDS) / 60
    notes = [
        f"gzipped script and largest paint: {listed}",
        f"Live was open for {minutes:.1f} minutes at {RATE} updates a second",
        *serious[:5],
    ]
    return figures, notes


@dataclass
class Loads:
    """The loads of one page, each in a profile of its own, and how often its policy was broken."""

    seen: list[PageLoad]
    violations: list[str]


async def _page(browser: Any, settings: Settings, name: str, theme: str, quick: bool) -> Loads:
    """Loads a page several times, and asks axe of the first."""
    loads = Loads([], [])
    for number in range((QUICK_LOADS if quick else LOADS) if theme == "light" else 1):
        async with _profile(browser, settings, theme, loads.violations) as context:
            page = await context.new_page()
            seen = PageLoad()
            session = await context.new_cdp_session(page)
            await session.send("Network.enable")
            scripts: set[str] = set()

            def received(event: Mapping[str, Any], scripts: set[str] = scripts) -> None:
                if event["type"] == "Script":
                    scripts.add(event["requestId"])

            def finished(event: Mapping[str, Any], scripts: set[str] = scripts, seen: PageLoad = seen) -> None:
                if event["requestId"] in scripts:
                    seen.script_bytes += int(event["encodedDataLength"])

            session.on("Network.responseReceived", received)
            session.on("Network.loadingFinished", finished)
            await page.goto(f"{_url(settings)}/{name}/", wait_until="load")
            await page.get_by_role("heading", level=1).wait_for()
            # Live streams for ever, so that its network is never at rest.
            await page.wait_for_timeout(1_500)
            found = await page.evaluate("window.bench")
            seen.shift, seen.largest_ms = float(found["shift"]), float(found["largest"])
            if number == 0:
                seen.serious = await _serious(page, f"{name} ({theme})")
            loads.seen.append(seen)
    return loads


async def _serious(page: Any, where: str) -> list[str]:
    await page.evaluate(await asyncio.to_thread(AXE.read_text, encoding="utf-8"))
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{where}: {each['id']} at {node['target']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


async def _live(browser: Any, settings: Settings, quick: bool) -> tuple[float, float]:
    """By how many MB the heap of the page Live grew, and its longest task after the first load, in ms."""
    async with _profile(browser, settings, "light", []) as context:
        page = await context.new_page()
        await page.goto(f"{_url(settings)}/live/", wait_until="load")
        session = await context.new_cdp_session(page)
        await asyncio.sleep(QUICK_WARM if quick else WARM)
        before = await _heap(session)
        await page.evaluate("window.bench.longest = 0")
        await asyncio.sleep(QUICK_SECONDS if quick else SECONDS)
        rows = await page.locator("[data-session]").count()
        if not rows:
            raise BenchError("the page Live showed no session: does the stream of scores come?")
        return await _heap(session) - before, float(await page.evaluate("window.bench.longest"))


async def _heap(session: Any) -> float:
    """MB that are used once nothing is left to collect."""
    await session.send("HeapProfiler.collectGarbage")
    return float((await session.send("Runtime.getHeapUsage"))["usedSize"]) / 1e6


@asynccontextmanager
async def _profile(browser: Any, settings: Settings, theme: str, violations: list[str]) -> AsyncIterator[Any]:
    """A browser profile of its own, signed in with the machine's key."""
    context = await browser.new_context(
        color_scheme=theme, reduced_motion="reduce", viewport={"width": 1440, "height": 900}
    )
    context.on("console", lambda line: violations.append(line.text) if "Content Security" in line.text else None)
    try:
        await context.add_init_script(OBSERVED)
        answer = await context.request.post(f"{_url(settings)}/sign-in", data={"key": admin_key(settings)})
        if not answer.ok:
            raise BenchError(f"the console does not take the machine's key: {await answer.text()}")
        yield context
    finally:
        await context.close()


@asynccontextmanager
async def _visits(settings: Settings, key: str) -> AsyncIterator[None]:
    """RATE page views a second while the body runs."""
    async with connections(settings.ingest.port, key) as them:
        sending = asyncio.create_task(_send(them))
        # What is wrong with an event is known at once.
        await asyncio.wait({sending}, timeout=1)
        try:
            if sending.done():
                sending.result()
            yield
        finally:
            sending.cancel()
            await asyncio.wait({sending})


async def _send(them: Any) -> None:
    sessions = [str(uuid7()) for _ in range(SESSIONS)]
    batch, pause = RATE // 10, 0.1
    due, number = time.monotonic(), 0
    while True:
        now = time.time_ns() // 1_000_000
        events = []
        for _ in range(batch):
            number += 1
            # A session ends with its 200th event, and another one begins.
            place = number % SESSIONS
            if number // SESSIONS % 200 == 199:
                sessions[place] = str(uuid7())
            view = {"type": "page_view", "event_id": str(uuid7()), "session_id": sessions[place], "occurred_at": now}
            page = {"url": f"https://shop.example/products/{number % 97}", "type": "ProductRelated"}
            events.append(view | {"page": page})
        body = {"site": SITE, "sent_at": now, "events": events}
        await them.post("/v1/batch", msgspec.json.encode(body))
        due += pause
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.console.port}"
