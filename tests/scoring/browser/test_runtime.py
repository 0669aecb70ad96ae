"""The runtime that pages get, in Node: the same probability, band and first reason as onnxruntime."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.bench.model import model_rows
from scoring.browser.export import BrowserModel, export
from scoring.browser.parity import TOLERANCE
from scoring.browser.rows import generated_rows
from scoring.browser.weights import WeightsKind
from scoring.manifest import classify
from scoring.onnx import OnnxModel
from scoring.reasons import strongest_reasons
from scoring.training.load import load
from tests.support.browser_models import (
    GraphModel,
    PageScore,
    logistic_2,
    network_2,
    run_node,
    scored_by_node,
    shipped,
    write_files,
)
from tests.support.uci import uci_file

ROW = np.ones((1, 17), np.float32)


def check(model: GraphModel, kind: WeightsKind, rows: np.ndarray, folder: Path, least_same: float = 0.99) -> None:
    """Scores by Node against those of onnxruntime: the tolerance is the kind's, bands are equal but at ties."""
    made = scored_by_node(folder, export(*model, kind), rows)
    served = OnnxModel(*model).score(rows)
    ours = np.array([each.probability for each in made])
    difference = np.abs(ours - served.probability).max()
    print(f"{len(rows):,} rows, {kind}: at most {difference:.2g} off")
    assert difference <= TOLERANCE[kind]
    limits = np.array((*model.manifest.bands, model.manifest.threshold))
    for each, probability in zip(made, served.probability, strict=True):
        if np.abs(probability - limits).min() > difference + 1e-6:
            assert (each.label, each.band) == classify(float(probability), model.manifest)
    same = np.mean(same_first_reason(made, model, served.reasons))
    print(f"{same:.4%} with the same first reason")
    assert same >= least_same


def same_first_reason(made: list[PageScore], model: GraphModel, reasons: np.ndarray) -> list[bool]:
    """Of each row, whether the first reason is of the same feature, or neither has one."""
    columns, moved = strongest_reasons(reasons, 1)
    firsts = [model.made_for.names[place] if by else None for [place], [by] in zip(columns, moved, strict=True)]
    return [(each.reasons[0][0] if each.reasons else None) == first for each, first in zip(made, firsts, strict=True)]


def test_rows_of_the_uci_shape(tmp_path: Path) -> None:
    check(shipped(), "float16", model_rows(None, 4_000), tmp_path)


def test_all_rows_of_the_uci_file(tmp_path: Path) -> None:
    rows = load(uci_file()).rows.astype(np.float32)
    assert len(rows) == 12_330
    check(shipped(), "float16", rows, tmp_path)


@pytest.mark.parametrize("make", [network_2, logistic_2])
def test_10_000_rows_of_contract_2(make: Callable[[], GraphModel], tmp_path: Path) -> None:
    model = make()
    rows = generated_rows(model.made_for, model.manifest.reference_row, 10_000, seed=3)
    check(model, "float16", rows, tmp_path)


@pytest.mark.parametrize("make", [shipped, network_2])
def test_weights_of_int8(make: Callable[[], GraphModel], tmp_path: Path) -> None:
    model = make()
    rows = generated_rows(model.made_for, model.manifest.reference_row, 2_000, seed=4)
    check(model, "int8", rows, tmp_path, least_same=0.95)


def test_the_numbers_are_those_of_python(tmp_path: Path) -> None:
    """Reasons have their values, in the order of their size; the reference session has none."""
    rows = generated_rows(shipped().made_for, shipped().manifest.reference_row, 200)
    made = scored_by_node(tmp_path, export(*shipped(), "float16"), rows)
    assert made[0].reasons == []
    assert made[0].probability == pytest.approx(shipped().manifest.reference_probability, abs=1e-3)
    served = strongest_reasons(OnnxModel(*shipped()).score(rows).reasons)
    for row, each, columns, moved in zip(rows, made, *served, strict=True):
        sizes = [abs(contribution) for _, _, contribution in each.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) <= 3
        strong = dict(zip(columns.tolist(), moved.tolist(), strict=True))
        for feature, value, contribution in each.reasons:
            column = shipped().made_for.names.index(feature)
            assert value == float(row[column])
            if column in strong:
                assert contribution == pytest.approx(strong[column], abs=1e-3)


def drop(made: BrowserModel, **changes: object) -> BrowserModel:
    """The files with other fields in the head."""
    head = msgspec.json.decode(made.head) | changes
    return replace(made, head=msgspec.json.encode(head))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(lambda made: drop(made, format=2), "format 2, not 1: load the runtime", id="another format"),
        pytest.param(
            lambda made: drop(made, program=[["Erf", [0], 17]]), "operator Erf is unknown", id="another operator"
        ),
        pytest.param(lambda made: drop(made, program=[["Abs", [99], 17]]), "of another model", id="another model"),
        pytest.param(lambda made: replace(made, weights=made.weights[:-4]), "is torn", id="cut weights"),
        pytest.param(lambda made: replace(made, weights=b""), "is torn", id="no weights"),
        pytest.param(lambda made: replace(made, weights=made.weights[:-4] + b"abcd"), "is torn", id="other weights"),
    ],
)
def test_files_that_do_not_go_together_are_one_line(
    changed: Callable[[BrowserModel], BrowserModel], expected: str, tmp_path: Path
) -> None:
    write_files(tmp_path, changed(export(*shipped(), "float16")), ROW)
    assert re.search(rf"op-ecom model: .*{expected}", run_node(tmp_path).stderr)


def test_a_row_of_another_contract_is_one_line(tmp_path: Path) -> None:
    write_files(tmp_path, export(*shipped(), "float16"), ROW[:, :16])
    assert "op-ecom model: a row has 17 values, not 16" in run_node(tmp_path).stderr
