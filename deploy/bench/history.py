"""A shop that begins with a year of history: imported in one command, learned from, judged and promoted.

`opecom up` runs on the embedded profile. The file has the events of the generated shop in no order. What counts is the
wall-clock time from the import until the learned model is in force; the file itself is written before.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.bench.command import CommandCost, to_its_end
from deploy.bench.embedded import embedded, running, variables
from deploy.bench.errors import BenchError
from deploy.bench.history_file import HistoryFile, write_history
from deploy.bench.run import Run
from deploy.bench.simulation import SITE
from deploy.processes.interpreter import OPECOM
from deploy.settings.model import Settings
from deploy.wiring.keys import admin_key

SESSIONS, QUICK_SESSIONS = 200_000, 12_000
#: Days that are learned from, of which the newest are left to the gate; a quick run has few sessions a day.
DAYS, QUICK_DAYS = 60, 365
#: Seconds after which a command counts as one that does not end.
LONGEST = 3_600.0


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError where a session is missing or the gate refuses."""
    settings = embedded(run.settings)
    days = str(QUICK_DAYS if quick else DAYS)
    year = await asyncio.to_thread(write_history, run.folder, QUICK_SESSIONS if quick else SESSIONS)
    until = datetime.fromtimestamp(year.until / 1000, UTC).isoformat()

    async def opecom(name: str, *words: str) -> CommandCost:
        return await to_its_end(name, run.folder, (*OPECOM, *words), variables(settings), LONGEST)

    async with running(run, settings):
        began = time.monotonic()
        imported = await opecom("import", "import", str(year.path), "--site", SITE, "--json")
        sent = _answer(imported)["account"]["events"]
        await _all_written(settings, year)
        written = time.monotonic() - began
        learned = await opecom("learn", "learn", "--site", SITE, "--days", days, "--until", until, "--json")
        version = _answer(learned)["version"]
        judged = await opecom(
            *("promote", "models", "promote", version, "--gated", "--site", SITE, "--days", days, "--until", until)
        )
        took = time.monotonic() - began
        again = await opecom("again", "import", str(year.path), "--site", SITE)
    if sent != year.events:
        raise BenchError(f"{sent:,} of {year.events:,} events were imported")
    figures = {
        "minutes": took / 60,
        "import_events_per_second": year.events / written,
        "learn_seconds": learned.seconds,
        "learn_peak_mb": learned.peak_mb,
        "gate_seconds": judged.seconds,
        "again_seconds": again.seconds,
    }
    notes = [
        f"{year.sessions:,} sessions of a year, {year.purchases:,} of which bought: {year.events:,} events in a "
        f"file of {year.path.stat().st_size / 1e6:,.0f} MB, in no order",
        f"imported and written to both databases in {written:.0f} s (the command {imported.seconds:.0f} s, "
        f"{imported.peak_mb:.0f} MB)",
        _last_line(judged),
        f"the same file again: {_last_line(again)}",
    ]
    return figures, notes


async def _all_written(settings: Settings, year: HistoryFile) -> None:
    """Wait until the database has every session closed."""
    address, headers = f"http://127.0.0.1:{settings.api.port}/admin/stats", {"X-OPECOM-Key": admin_key(settings)}
    until, found = time.monotonic() + LONGEST, 0
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        while time.monotonic() < until:
            answer = await client.get(address, params={"site": SITE})
            totals: dict[str, Any] = answer.raise_for_status().json()["totals"]
            found = totals["closed"]
            if found == year.sessions and totals["with_revenue"] == year.purchases:
                return
            await asyncio.sleep(1)
    raise BenchError(f"{found:,} of {year.sessions:,} sessions were closed in the database")


def _answer(done: CommandCost) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_last_line(done))
    return answer


def _last_line(done: CommandCost) -> str:
    return next(line for line in reversed(done.output.splitlines()) if line.strip())
