"""A model registry of a test: the shipped model, and others of the same shape that score a little differently."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import onnx
from onnx import numpy_helper

from scoring import registry


def registry_with(folder: Path, versions: Iterable[str]) -> Path:
    """A registry with the shipped model as its current one and these versions beside it, each with weights, threshold
    and bands of its own."""
    shipped = registry.current()
    shutil.copytree(registry.SHIPPED / shipped, folder / shipped)
    registry.promote(folder, shipped)
    manifest = registry.load(folder).manifest
    for number, version in enumerate(versions, 1):
        graph = _moved(folder / shipped / "model.onnx", 1 + 0.07 * number, 0.3 * number)
        changed = {
            "version": version,
            "sha256": hashlib.sha256(graph).hexdigest(),
            "threshold": manifest.threshold + 0.05 * number,
            "bands": (manifest.bands[0] / (1 + number), manifest.threshold + 0.05 * number),
        }
        registry.add(folder, graph, msgspec.structs.replace(manifest, **changed), f"# {version}, of a test\n")
    return folder


def _moved(file: Path, factor: float, up: float) -> bytes:
    """The graph with its last layer's weights multiplied and its bias raised."""
    model = onnx.load(file)
    held = {each.name: each for each in model.graph.initializer}
    for name, moved in {"out": lambda given: given * factor, "out_bias": lambda given: given + up}.items():
        array = moved(numpy_helper.to_array(held[name])).astype("float32")
        held[name].CopyFrom(numpy_helper.from_array(array, name))
    made: bytes = model.SerializeToString()
    return made
