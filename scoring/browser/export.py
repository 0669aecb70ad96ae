"""Makes the two files of a registered model for the browser: the head, JSON, and the weights.

The steps, in order: translate the graph, encode the weights, read them again as the runtime does, compare with
onnxruntime on rows of the contract. What differs too much is refused, and nothing is written.
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from scoring import prior
from scoring.browser import interpreter, parity, weights
from scoring.browser.parity import Parity
from scoring.browser.program import FORMAT, BrowserProgram
from scoring.browser.rows import generated_rows
from scoring.browser.translate import program_of
from scoring.browser.weights import WeightsKind
from scoring.contracts import Contract, contract
from scoring.manifest import Manifest
from scoring.onnx import OnnxModel
from scoring.signals import RATES

#: Rows on which an export is tried.
ROWS = 4_000


@dataclass(frozen=True)
class BrowserModel:
    """Two files, by name. The name of the weights has their hash: they never change, so caches may keep them."""

    head_name: str
    head: bytes
    weights_name: str
    weights: bytes
    parity: Parity


def export(graph: bytes, manifest: Manifest, kind: WeightsKind) -> BrowserModel:
    """The files of a model; raises BrowserExportError for one that does not run in a browser as it is served."""
    made_for = contract(manifest.contract_version)
    program = program_of(graph, len(made_for.names))
    file = weights.encode(program.tensors, program.matrices, kind)
    rows = generated_rows(made_for, manifest.reference_row, ROWS)
    ours = interpreter.run(replace(program, tensors=weights.decode(file)), rows)
    found = parity.compare(OnnxModel(graph, manifest).score(rows), ours, manifest)
    parity.check(found, kind)
    name = f"{manifest.version}.{kind}.{hashlib.sha256(file).hexdigest()[:12]}.bin"
    document = {
        "format": FORMAT,
        "version": manifest.version,
        "contract": {"number": made_for.number, "name": made_for.name, "columns": made_for.names},
        "threshold": manifest.threshold,
        "bands": manifest.bands,
        "reference": manifest.reference,
        "reference_probability": manifest.reference_probability,
        "training_shop": manifest.training_shop,
        "prior": None if manifest.training_shop is None else prior_of(made_for),
        "weights": {"file": name, "kind": kind, "bytes": len(file), "integrity": integrity(file)},
        "parity": found,
        "program": instructions_of(program),
        "probability": program.probability,
        "reasons": program.reasons,
    }
    return BrowserModel(f"{manifest.version}.{kind}.json", msgspec.json.encode(document) + b"\n", name, file, found)


def instructions_of(program: BrowserProgram) -> list[list[Any]]:
    """[operator, inputs, length of the result] each, and the attributes where there are some."""
    written = []
    for each in program.instructions:
        attributes: dict[str, Any] = {**each.attributes, **({"places": each.places} if each.places else {})}
        written.append([each.operator, each.inputs, each.length, *([attributes] if attributes else [])])
    return written


def prior_of(made_for: Contract) -> dict[str, Any]:
    """What scoring/prior.py takes to correct the score of a model on another shop than it was learned from.

    Columns are places in a row: `of_one_shop` get the reference's values, `rates` are scaled to the training shop's.
    """
    return {
        "of_one_shop": [*range(len(made_for.names))[prior.OF_ONE_SHOP]],
        "rates": [*range(len(made_for.names))[RATES]],
        "slope": prior.SLOPE,
        "events": prior.EVENTS,
        "rise": prior.RISE,
        "evidence": prior.EVIDENCE,
        "returning": prior.RETURNING,
        "customer": prior.CUSTOMER,
        "of_carts": prior.OF_CARTS,
        "of_checkouts": prior.OF_CHECKOUTS,
        "cart_head_start": prior.CART_HEAD_START,
        "building_odds": prior.BUILDING_ODDS,
        "high_odds": prior.HIGH_ODDS,
        "least": prior.LEAST,
    }


def integrity(content: bytes) -> str:
    """The content's hash as `integrity` takes it: of a tag, and of `fetch`."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
