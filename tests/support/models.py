"""Registries with versions made of the shipped one, and models by name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from scoring import registry
from scoring.manifest import ModelError
from scoring.model import ConstantModel, Model


def registry_of(folder: Path, *versions: str) -> Path:
    """A registry of these versions, all with the shipped graph; the first is current."""
    shipped = registry.current()
    for version in versions:
        copy = Path(shutil.copytree(registry.SHIPPED / shipped, folder / version))
        file = copy / "manifest.json"
        file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | {"version": version}))
    (folder / "current").write_text(versions[0] + "\n")
    return folder


def break_graph(folder: Path, version: str) -> None:
    """Change one byte of a version's graph."""
    graph = folder / version / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")


def named(version: str, probability: float) -> ConstantModel:
    model = ConstantModel(probability)
    model.manifest = msgspec.structs.replace(model.manifest, version=version)
    return model


def known(*versions: str) -> Callable[[str], Model]:
    """Models of these versions, the first the default; any other is one that cannot score here."""
    there = {version: named(version, (place + 1) / 10) for place, version in enumerate(versions)}

    def model(version: str) -> Model:
        if (version or versions[0]) not in there:
            raise ModelError(f"model {version!r} is not there")
        return there[version or versions[0]]

    return model
