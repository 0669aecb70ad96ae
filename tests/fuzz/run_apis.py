"""`make fuzz`: both APIs of an embedded system as users run it, and how many requests were answered how.

    python -m tests.fuzz.run_apis [--cases 20000]

Ends with 1 where an answer was a fault of ours or not as the document says.
"""

import argparse
import asyncio
import sys

from deploy.bench.embedded import embedded, running
from deploy.bench.run import alone, unlimited
from deploy.settings.model import load
from deploy.wiring.keys import machine_key
from tests.fuzz.apis import fuzz


async def main(cases: int) -> int:
    failed = False
    with alone(load()) as run:
        given = unlimited(embedded(run.settings))
        async with running(run, given):
            key = machine_key(given)
            (write,) = next(iter(given.sites.values())).write_keys
            apis = {
                "ingest": (f"http://127.0.0.1:{given.ingest.port}", {"X-OPECOM-Key": write}),
                "query": (f"http://127.0.0.1:{given.api.port}", {"X-OPECOM-Key": key}),
            }
            for name, (url, headers) in apis.items():
                # Most routes are the query API's.
                share = cases * 4 // 5 if name == "query" else cases // 5
                result = await asyncio.to_thread(fuzz, url, headers, share)
                statuses = ", ".join(f"{status} {count:,}" for status, count in sorted(result.statuses.items()))
                print(
                    f"{name}: {result.statuses.total():,} requests, {result.faults} answered 5xx: {statuses}",
                    flush=True,
                )
                for finding, text in result.findings.items():
                    print(f"--- {finding}\n{text}", flush=True)
                failed |= bool(result.faults or result.findings)
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    sys.exit(asyncio.run(main(parser.parse_args().cases)))
