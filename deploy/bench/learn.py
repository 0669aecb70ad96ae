"""`opecom learn` on a generated shop whose truth is known: what it takes, and how near to the truth it comes.

The sessions are folded and scored as a running system would, and stored in chDB; the command itself reads them there,
fits, and registers a candidate. The newest fifth of the sessions, on which it was not fitted, says how near it is. Only
sessions that go on after an event count there: of one that has reported its end the truth is 0, and nobody acts on it.
"""

import asyncio
import json
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from deploy.bench.command import to_its_end
from deploy.bench.errors import BenchError
from deploy.bench.run import Run, changed, environment
from deploy.bench.stored_shop import EventRows, StoredShop, store
from deploy.processes.interpreter import OPECOM
from deploy.settings.model import Settings
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.shop import SITE, ShopParameters, visits
from deploy.wiring.storage import databases
from scoring import registry
from scoring.model import Model
from scoring.shadow.measures import aucs

#: Of few sessions many buy: below 300 purchases only recalibration would be measured.
WANTED = ShopParameters(100_000, 1, 60)
QUICK = ShopParameters(3_000, 1, 30, facts=ShopFacts(conversion=0.12, of_carts=0.5, of_checkouts=0.7))
LONGEST = 3_600.0
#: The generated sessions are in March 2026 and after; the days to be learned from.
DAYS = 3_650


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError where nothing is learned."""
    settings = _embedded(run.settings)
    shop = await _stored(settings, QUICK if quick else WANTED)
    last = max(int(at.opened_at.max()) for at in shop.events.values() if len(at.opened_at))
    until = str(np.datetime64(last + 1, "ms"))
    command = (*OPECOM, "learn", "--site", SITE, "--days", str(DAYS), "--until", until, "--json")
    spent = await to_its_end("learn", run.folder, command, environment(settings), LONGEST)
    answer = json.loads(spent.output.splitlines()[-1])
    model = registry.load(settings.data_dir / "models", answer["version"])
    fitted = model.manifest.fitted_on
    if fitted is None:
        raise BenchError(f"{answer['version']} does not say on which days it was fitted")
    at_event = {number: _aucs(model, at, fitted.until) for number, at in shop.events.items()}
    figures = {
        "rows_per_second": answer["rows"] / spent.seconds,
        "seconds": spent.seconds,
        "peak_mb": spent.peak_mb,
        **{f"auc_{number}": learned for number, (learned, _) in at_event.items()},
        "gap_to_truth": max(truth - learned for learned, truth in at_event.values()),
    }
    true = ", ".join(f"{truth:.4f}" for _, truth in at_event.values())
    learned = f"{answer['rows']:,} rows of {shop.updates:,} stored updates in {spent.cpu_seconds:.0f} CPU-s"
    return figures, [
        f"{answer['version']}: {learned}",
        f"AUC of the truth at events {', '.join(map(str, at_event))}: {true}",
    ]


def _embedded(settings: Settings) -> Settings:
    """Databases in the run's own folder, whatever the settings have."""
    settings = settings.model_copy(update={"profile": "embedded"})
    return changed(settings, "storage", url=SecretStr(""), clickhouse_host="")


async def _stored(settings: Settings, wanted: ShopParameters) -> StoredShop:
    model = registry.load()
    async with databases(settings) as opened:

        def filled() -> StoredShop:
            made = visits(wanted, clock="live")
            return store(made, wanted.facts.conversion, lambda _: model, opened.client)

        return await asyncio.to_thread(filled)


def _aucs(model: Model, at: EventRows, since: int) -> tuple[float, float]:
    """Of the model and of the truth, on the sessions that opened since then; raises BenchError where nobody buys."""
    newest = at.opened_at >= since
    bought, one = at.bought[newest].astype(np.float64), np.ones((1, int(newest.sum())))
    probability = model.score(at.rows[newest]).probability.astype(np.float64)
    learned, truth = (float(aucs(bought, scores, one)[0]) for scores in (probability, at.truth[newest]))
    if np.isnan(truth):
        raise BenchError("nobody buys among the newest sessions, so there is no figure")
    return learned, truth
