"""`make fuzz`: both APIs of an embedded system as users run it, and how many requests were answered how.

    python -m tests.fuzz.run_apis [--cases 20000] [--only '/holdouts/{site}']

Ends with 1 where an answer was a fault of ours or not as the document says.
"""

import argparse
import asyncio
import sys
import time
import uuid

import httpx

from deploy.bench.embedded import embedded, running
from deploy.bench.run import alone, unlimited
from deploy.settings.model import Settings, load
from deploy.wiring.keys import machine_key
from tests.fuzz.apis import KNOWN, FuzzedApi, fuzz

#: Parts of the requests after each of which it is said how far it is; each begins from another seed.
ROUNDS = 10
#: Operations of an API whose longest answer is printed.
SLOWEST = 5
#: Seconds within which the session that requests name must be scored.
SCORED_SECONDS = 90.0


async def main(cases: int, only: str) -> int:
    failed = False
    with alone(load()) as run:
        given = unlimited(embedded(run.settings))
        (site,) = given.sites.values()
        given = given.model_copy(update={"sites": {KNOWN["site"]: site}})
        async with running(run, given):
            key, write = machine_key(given), site.write_keys[0]
            await _visit(given, key, write)
            apis = {
                # What port 8001 passes on to the query API takes that one's keys.
                "ingest": (given.ingest.port, lambda path: key if path.startswith("/admin") else write),
                "query": (given.api.port, lambda _: key),
            }
            for name, (port, key_of) in apis.items():
                # Most routes are the query API's.
                share = cases * 4 // 5 if name == "query" else cases // 5
                rounds = fuzz(f"http://127.0.0.1:{port}", key_of, share, only=only, rounds=ROUNDS)
                printed = set[str]()
                while (result := await asyncio.to_thread(next, rounds, None)) is not None:
                    _print(name, result, printed)
                    failed |= bool(result.faults or result.findings)
    return 1 if failed else 0


async def _visit(given: Settings, key: str, write: str) -> None:
    """One session, which half of the requests name; returns when it is scored."""
    now = time.time_ns() // 1_000_000
    event = {
        "type": "page_view",
        "event_id": str(uuid.uuid4()),
        "session_id": KNOWN["session_id"],
        "visitor_id": KNOWN["visitor_id"],
        "occurred_at": now,
        "page": {"url": "https://shop.example/p/1"},
    }
    intent = f"http://127.0.0.1:{given.api.port}/sessions/{KNOWN['session_id']}/intent"
    async with httpx.AsyncClient(timeout=60) as http, asyncio.timeout(SCORED_SECONDS):
        sent = await http.post(
            f"http://127.0.0.1:{given.ingest.port}/v1/batch",
            json={"sent_at": now, "events": [event]},
            headers={"X-OPECOM-Key": write},
        )
        assert sent.status_code == 202, sent.text
        assert not sent.json().get("refused"), sent.text
        while (answer := await http.get(intent, headers={"X-OPECOM-Key": key})).status_code != 200:
            assert answer.status_code == 404, answer.text
            await asyncio.sleep(0.2)


def _print(name: str, result: FuzzedApi, printed: set[str]) -> None:
    statuses = ", ".join(f"{status} {count:,}" for status, count in sorted(result.statuses.items()))
    print(f"{name}: {result.statuses.total():,} requests, {result.faults} answered 5xx: {statuses}")
    slowest = sorted(result.longest.items(), key=lambda each: -each[1])[:SLOWEST]
    print("  longest answers: " + ", ".join(f"{operation} {seconds:.1f} s" for operation, seconds in slowest))
    for finding in result.findings.keys() - printed:
        printed.add(finding)
        print(f"--- {finding}\n{result.findings[finding]}")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--only", default="", help="one path of the documents, to repeat a finding")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.cases, options.only)))
