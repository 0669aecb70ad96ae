"""The current model in Chromium: what a page loads to score by itself, how its scores differ, and what one takes.

A small server on loopback gives the page, whose policy allows scripts of its own alone: no eval, no WebAssembly. The
page loads runtime and model once it is idle. It is isolated from other origins, so that its clock has steps of 5 µs.
"""

import asyncio
import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from deploy.bench.chromium import chromium
from deploy.bench.errors import BenchError
from deploy.bench.model import model_rows
from deploy.bench.private_page import private_files, requests_in_private
from deploy.bench.run import Run
from deploy.bench.two_contracts import contract_rows
from deploy.wiring.models import registry
from ingest import script
from scoring.browser.export import BrowserModel, export
from scoring.contracts import contract
from scoring.folder import RegistryError
from scoring.manifest import ModelError
from scoring.onnx import OnnxModel
from scoring.reasons import strongest_reasons
from scoring.registry import current, graph_of, manifest

ROWS, QUICK_ROWS = 5_000, 1_000
#: A row is scored so often, and its median counts: what else the machine does meanwhile hits one of them.
TURNS = 5
#: Seconds that loading the model may take before the run fails.
PATIENCE = 120
MISSING = "bench browser needs Playwright and Chromium: install the dev extra, and run `make browser`"
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
PAGE = b"""<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">
<script type="module" src="/page.mjs"></script></head><body><h1>Shop</h1></body></html>"""
#: Loads the model once the page is idle, scores its reference session, and notes what policy and tasks did meanwhile.
MODULE = """
const bench = window.bench = { violations: 0, longest: 0 };
addEventListener('securitypolicyviolation', () => { bench.violations += 1; });
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) bench.longest = Math.max(bench.longest, duration);
}).observe({ type: 'longtask', buffered: true });
bench.loaded = new Promise((resolve) => requestIdleCallback(resolve)).then(async () => {
  const start = performance.now();
  try {
    const { loadModel } = await import('/model.mjs');
    bench.model = await loadModel('/head.json');
    bench.model.score(bench.model.head.reference);
    bench.first = performance.now() - start;
  } catch (error) {
    bench.failure = String(error);
  }
});
"""
SCORE = """async ([turns]) => {
  const { model } = window.bench;
  const rows = new Float32Array(await (await fetch('/rows.bin')).arrayBuffer());
  const columns = model.head.contract.columns.length, scores = [];
  for (let at = 0; at < rows.length; at += columns) {
    const row = rows.subarray(at, at + columns), took = [];
    let score;
    for (let turn = 0; turn < turns; turn++) {
      const start = performance.now();
      score = model.score(row);
      took.push(performance.now() - start);
    }
    took.sort((one, other) => one - other);
    scores.push([score.probability, score.reasons[0]?.feature ?? null, took[turns >> 1]]);
    // A task of its own for each, as a page scores one step at a time.
    if (scores.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  return scores;
}"""


class PageRun(NamedTuple):
    """What the page gave: a (probability, feature of the first reason, ms) for each row; ms until the first score."""

    scores: list[tuple[float, str | None, float]]
    first_ms: float
    longest_ms: float
    violations: int
    private_requests: int


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError without a browser, or for a model that has trees."""
    scoring = run.settings.scoring
    version = scoring.model
    try:
        version = version or current(registry(scoring))
        graph, known = graph_of(registry(scoring), version), manifest(registry(scoring), version)
        made_for = contract(known.contract_version)
        made = export(graph, known, "float16")
    except (RegistryError, ModelError) as error:
        raise BenchError(f"bench browser has no model to run{version and f', {version}'}: {error}") from error
    rows = contract_rows(model_rows(data, QUICK_ROWS if quick else ROWS), made_for)
    served = OnnxModel(graph, known).score(rows)
    modules = script.read(run.settings.ingest.script_path)
    runtime = modules.parts["model"].content
    page = await _page({**_files(runtime, made, rows), **private_files(modules, "/head.json")})
    probability = np.array([each for each, _, _ in page.scores])
    columns, moved = strongest_reasons(served.reasons, 1)
    firsts = [made_for.names[place] if by else None for [place], [by] in zip(columns, moved, strict=True)]
    same = [one == other for one, (_, other, _) in zip(firsts, page.scores, strict=True)]
    took = np.array([each for _, _, each in page.scores])
    sizes = [len(gzip.compress(each, 9, mtime=0)) for each in (runtime, made.head, made.weights)]
    figures = {
        "kb_gzipped": sum(sizes) / 1000,
        "max_difference": float(np.abs(probability - served.probability).max()),
        "same_top_reason": float(np.mean(same)),
        "p95_ms": float(np.quantile(took, 0.95)),
        "requests_in_private": float(page.private_requests),
    }
    around = [modules.private, *(modules.parts[name] for name in ("fold", "site", "prior"))]
    notes = [
        f"model {version}, {len(rows):,} rows",
        f"gzipped: runtime {sizes[0]:,} bytes, head {sizes[1]:,}, weights {sizes[2]:,}",
        f"private mode loads {sum(len(each.gzipped) for each in around):,} bytes more; its visit made "
        f"{page.private_requests} requests",
        f"first score {page.first_ms:.0f} ms after the page was idle; then {np.median(took):.2f} ms each in the median",
        f"longest task until then {page.longest_ms:.0f} ms (0: none of 50); {page.violations} violations of the policy",
    ]
    return figures, notes


def _files(runtime: bytes, made: BrowserModel, rows: np.ndarray) -> dict[str, tuple[str, bytes]]:
    """Media type and content by path."""
    return {
        "/": ("text/html; charset=utf-8", PAGE),
        "/page.mjs": (script.JAVASCRIPT, MODULE.encode()),
        "/model.mjs": (script.JAVASCRIPT, runtime),
        "/head.json": ("application/json", made.head),
        f"/{made.weights_name}": ("application/octet-stream", made.weights),
        "/rows.bin": ("application/octet-stream", rows.astype("<f4").tobytes()),
    }


async def _page(files: Mapping[str, tuple[str, bytes]]) -> PageRun:
    requests: list[str] = []
    with _site(files, requests) as url:
        async with chromium(MISSING) as browser:
            page = await browser.new_page()
            await page.goto(url)
            async with asyncio.timeout(PATIENCE):
                await page.evaluate("window.bench.loaded")
            if failure := await page.evaluate("window.bench.failure"):
                raise BenchError(f"the model does not load in the page: {failure}")
            # Of the page's own work alone: the run below is no visit.
            longest = await page.evaluate("window.bench.longest")
            scores = await page.evaluate(SCORE, [TURNS])
            first, violations = await page.evaluate("[window.bench.first, window.bench.violations]")
            private = await requests_in_private(browser, url, requests)
            return PageRun([tuple(each) for each in scores], float(first), float(longest), int(violations), private)


@contextmanager
def _site(files: Mapping[str, tuple[str, bytes]], requests: list[str]) -> Iterator[str]:
    """The address of a server on loopback that gives these files, packed, and notes what is asked in `requests`."""

    class ModelPageHandler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """The run's own lines are enough."""

        def do_GET(self) -> None:
            requests.append(self.requestline)
            kind, content = files.get(urlsplit(self.path).path, ("text/plain", b""))
            body = gzip.compress(content, 9)
            self.send_response(200 if content else 404)
            of_body = {"content-type": kind, "content-encoding": "gzip", "content-length": str(len(body))}
            for name, value in {**HEADERS, **of_body}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        # What a tracker sends.
        do_POST = do_OPTIONS = do_GET  # noqa: N815 - http.server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelPageHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
