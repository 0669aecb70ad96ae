"""The two files of a model for the browser: what they say, what they weigh, and what is refused."""

import base64
import gzip
import hashlib
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from ingest import script
from scoring import prior
from scoring.browser import parity
from scoring.browser.export import ROWS, export, prior_of
from scoring.browser.parity import Parity
from scoring.browser.program import BrowserExportError
from scoring.browser.rows import generated_rows
from scoring.contracts import CONTRACTS, SESSION, UCI, Contract
from scoring.model import Scores
from tests.support.browser_models import GraphModel, logistic_2, network_2, shipped

#: Runtime, head and weights of the shipped model, gzipped.
MOST_BYTES = 130_000


def test_the_shipped_model_and_its_runtime_are_small() -> None:
    runtime = len(script.read("/static/tracker.js").parts["model"].gzipped)
    made = export(*shipped(), "float16")
    assert runtime + sum(len(gzip.compress(each, 9)) for each in (made.head, made.weights)) <= MOST_BYTES


def test_the_head_has_what_a_page_needs() -> None:
    graph, manifest = shipped()
    made = export(graph, manifest, "float16")
    head = msgspec.json.decode(made.head)
    assert head["contract"] == {"number": 1, "name": "uci", "columns": [*UCI.names]}
    assert (head["threshold"], tuple(head["bands"])) == (manifest.threshold, manifest.bands)
    assert head["training_shop"] == msgspec.to_builtins(manifest.training_shop)
    assert head["weights"] == {
        "file": made.weights_name,
        "kind": "float16",
        "bytes": len(made.weights),
        "integrity": "sha384-" + base64.b64encode(hashlib.sha384(made.weights).digest()).decode(),
    }
    assert head["parity"]["rows"] == ROWS
    assert made.head_name == f"{manifest.version}.float16.json"


def test_the_same_model_gives_the_same_files_and_other_weights_another_name() -> None:
    made, again, small = (export(*shipped(), kind) for kind in ("float16", "float16", "int8"))
    assert made == again
    assert len(small.weights) < 0.7 * len(made.weights)
    assert len({made.weights_name, small.weights_name}) == len({made.head_name, small.head_name}) == 2


def test_an_unknown_reference_is_null_and_a_model_of_the_sites_own_has_no_prior() -> None:
    head = msgspec.json.decode(export(*logistic_2(), "float16").head)
    assert None in head["reference"]
    assert head["prior"] is head["training_shop"] is None


@pytest.mark.parametrize("made_for", CONTRACTS.values(), ids=lambda each: each.name)
def test_the_prior_names_the_columns_that_are_replaced(made_for: Contract) -> None:
    graph = shipped() if made_for is UCI else network_2()
    rows = generated_rows(made_for, graph.manifest.reference_row, 1)
    manifest, shop = (
        msgspec.structs.replace(graph.manifest, reference=(7.0,) * len(made_for.names)),
        shipped().manifest.training_shop,
    )
    moved = prior.transferable(np.zeros_like(rows), manifest, shop, [prior.SiteProfile()])
    assert np.flatnonzero(moved[0]).tolist() == prior_of(made_for)["of_one_shop"]
    assert [made_for.names[each] for each in prior_of(made_for)["rates"]] == ["BounceRates", "ExitRates", "PageValues"]


@pytest.mark.parametrize("make", [shipped, network_2, logistic_2])
@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_an_export_is_as_good_as_it_must_be(make: Callable[[], GraphModel], kind: parity.WeightsKind) -> None:
    model = make()
    found = export(*model, kind).parity
    assert found.rows == ROWS
    assert found.max_difference <= parity.TOLERANCE[kind]
    assert found.other_bands == 0
    assert found.same_top_reason >= parity.SAME_TOP_REASON[kind]


def scores(probability: list[float], reasons: list[list[float]]) -> Scores:
    return Scores(np.array(probability), np.array(reasons, np.float32))


def test_bands_count_but_at_ties() -> None:
    limit = shipped().manifest.bands[0]
    reasons = [[0.1, 0.0], [0.1, 0.0], [0.0, 0.1], [0.1, 0.0]]
    served = scores([limit - 1e-4, 0.01, 0.5, 0.9], reasons)
    ours = scores([limit + 1e-4, 0.01, 0.5, 0.9], reasons[::-1])
    found = parity.compare(served, ours, shipped().manifest)
    assert found == Parity(4, pytest.approx(2e-4), 0, 0.5)


@pytest.mark.parametrize(
    ("found", "kind", "expected"),
    [
        pytest.param(Parity(10, 2e-3, 0, 1.0), "float16", "differs by 0.002 .*at most 0.001.*server", id="far"),
        pytest.param(Parity(10, 2e-2, 0, 1.0), "int8", "--weights float16", id="far by int8"),
        pytest.param(Parity(10, float("nan"), 0, 1.0), "float16", "differs by nan", id="no number"),
        pytest.param(Parity(10, 0.0, 1, 1.0), "float16", "1 of 10 sessions have another band", id="a band"),
        pytest.param(Parity(10, 0.0, 0, 0.98), "float16", "98.0% the same first reason", id="reasons"),
    ],
)
def test_what_differs_too_much_is_refused(found: Parity, kind: parity.WeightsKind, expected: str) -> None:
    with pytest.raises(BrowserExportError, match=expected):
        parity.check(found, kind)


def test_an_export_that_differs_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.TOLERANCE, "int8", 1e-6)
    with pytest.raises(BrowserExportError, match="export it with --weights float16"):
        export(*shipped(), "int8")


@pytest.mark.parametrize("made_for", CONTRACTS.values(), ids=lambda each: each.name)
def test_drawn_rows_are_of_their_contract(made_for: Contract) -> None:
    reference = tuple(float(each % 3) for each in range(len(made_for.names)))
    rows = generated_rows(made_for, reference, 1_000)
    np.testing.assert_array_equal(rows[0], np.array(reference, np.float32))
    np.testing.assert_array_equal(rows, generated_rows(made_for, reference, 1_000))
    assert np.isnan(rows).any() == (made_for is SESSION)
    assert not np.isnan(rows[:, : UCI.names.index("BounceRates")]).any()
    assert (np.nanmin(rows, axis=0) >= 0).all()
    assert (np.nanstd(rows, axis=0) > 0).all()
