"""What feature contract 2 asks of the parts: sessions of the generated shop, and a model that reads their signals.

The sessions have commerce events, carts, pings and visitors with a history. The model has drawn weights
(two_contracts.py): what it says means nothing, what it costs is what a trained one costs.
"""

import hashlib

import msgspec
import numpy as np

from deploy.bench.errors import BenchError
from deploy.bench.run import Run, changed
from deploy.bench.simulation import SITE, BenchTraffic, site_settings
from deploy.bench.two_contracts import RANK, graph_of_contract
from deploy.simulate.shop.shop import ShopParameters, visits
from scoring import registry as versions
from scoring.contracts import SESSION
from scoring.manifest import Manifest
from scoring.onnx import OnnxModel
from stream.fold.calendar import Calendar
from stream.fold.pages import ANY_PATH, PageRow

#: Events of an average session of the generated shop.
EVENTS_PER_SESSION = 18.5
VERSION = "bench-session"


def session_traffic(events: int) -> BenchTraffic:
    """About so many events of the generated shop, as history of the simulated site."""
    site = site_settings()
    calendar = Calendar(site.timezone, site.holidays, site.special_days)
    made = visits(ShopParameters(max(2, round(events / EVENTS_PER_SESSION))), SITE, calendar)
    return BenchTraffic(made, [PageRow("", SITE, ANY_PATH, 0.02, 0.04, 3.0)])


def with_session_model(run: Run, *others: str) -> Run:
    """The run with a model of contract 2, in a registry of its own, and the same model under other versions; raises
    BenchError without onnx."""
    folder = run.folder / "session-models"
    shipped = versions.manifest(versions.SHIPPED, versions.current())
    try:
        graph = graph_of_contract(SESSION, RANK)
    except ImportError as error:
        raise BenchError(f"{error}: the graphs that it compares are made by the extra dev (make setup)") from error
    manifest = _manifest(graph, shipped)
    for version in (VERSION, *others):
        named = msgspec.structs.replace(manifest, version=version)
        versions.add(folder, graph, named, f"# {version}, with drawn weights\n")
    return Run(changed(run.settings, "scoring", registry=str(folder), model=""), run.folder, run.versions)


def _manifest(graph: bytes, shipped: Manifest) -> Manifest:
    """That of the graph, whose reference session is the one that graph_of_contract gives it."""
    manifest = msgspec.structs.replace(
        shipped,
        version=VERSION,
        reference=(1.0,) * len(SESSION.names),
        contract_version=SESSION.number,
        sha256=hashlib.sha256(graph).hexdigest(),
        track="session",
        training_shop=None,
    )
    scores = OnnxModel(graph, manifest).score(np.array([manifest.reference_row], np.float32))
    return msgspec.structs.replace(manifest, reference_probability=float(scores.probability[0]))
