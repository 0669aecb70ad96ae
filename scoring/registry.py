"""Versions of models in a folder: `<folder>/<version>/{model.onnx, manifest.json, card.md}`, and which one is current.

A version is never changed once it is there. The file `<folder>/current` names the version that scores where nothing
else is said. The package ships such a folder, SHIPPED. Knows nothing of training and of the log.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec

from scoring.features import CONTRACT_VERSION, NAMES
from scoring.model import Manifest, ModelError
from scoring.onnx import GraphError, OnnxModel

SHIPPED = Path(__file__).parent / "models"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RegistryError(ModelError):
    """A version, or a folder of versions, that cannot be used; one line that says why and what to do."""


def versions(folder: Path = SHIPPED) -> list[str]:
    """The versions in the folder, sorted by name; raises RegistryError when there is no such folder."""
    if not folder.is_dir():
        raise RegistryError(
            f"no model registry at {folder}: set OPECOM_SCORING__REGISTRY to a folder of models, "
            "or leave it empty for the shipped ones"
        )
    return sorted(
        found.parent.name for found in folder.glob("*/manifest.json") if _VERSION.fullmatch(found.parent.name)
    )


def current(folder: Path = SHIPPED) -> str:
    """The version that `current` names; raises RegistryError when the folder names none."""
    there = versions(folder)
    try:
        return (folder / "current").read_text().strip()
    except OSError as error:
        raise RegistryError(
            f"{folder}/current names no version: set OPECOM_SCORING__MODEL to one of: {_listed(there)}"
        ) from error


def load(folder: Path = SHIPPED, version: str = "") -> OnnxModel:
    """The model of that version, or the current one when version is empty.

    Raises RegistryError when it is not there, was changed after training, or belongs to another feature contract.
    """
    version = version or current(folder)
    there = versions(folder)
    if version not in there:
        raise RegistryError(
            f"model {version!r} is not in {folder}: copy its folder there, or set OPECOM_SCORING__MODEL to one of: "
            f"{_listed(there)}"
        )
    manifest = _manifest(folder / version / "manifest.json")
    if manifest.version != version:
        raise RegistryError(f"{folder / version} holds model {manifest.version}: give the folder that name")
    if manifest.contract_version != CONTRACT_VERSION or len(manifest.reference) != len(NAMES):
        raise RegistryError(
            f"model {version} was trained for feature contract {manifest.contract_version}, this program has "
            f"{CONTRACT_VERSION}: train it again with this program, or run the program that it was trained for"
        )
    graph = _bytes(folder / version / "model.onnx")
    if hashlib.sha256(graph).hexdigest() != manifest.sha256:
        raise RegistryError(f"{folder / version}/model.onnx is not the file that was trained (sha256): copy it again")
    try:
        return OnnxModel(graph, manifest)
    except GraphError as error:
        raise RegistryError(f"{folder / version}/model.onnx cannot be used: {error}: train it again") from error


def add(folder: Path, graph: bytes, manifest: Manifest, card: str) -> Path:
    """Put a version into the folder, whole or not at all, and return where it is.

    The first version of a folder becomes its current one. A version that is there already stays as it is; raises
    RegistryError when that one has another graph.
    """
    if not _VERSION.fullmatch(manifest.version):
        raise RegistryError(f"{manifest.version!r} cannot be a version: letters, digits, dot, dash, at most 64")
    target = folder / manifest.version
    if target.exists():
        if _manifest(target / "manifest.json").sha256 != manifest.sha256:
            raise RegistryError(f"{target} is there with another graph: remove it, or train with another --date")
        return target
    made = folder / f".{manifest.version}.{os.getpid()}"
    try:
        made.mkdir(parents=True)
        (made / "model.onnx").write_bytes(graph)
        (made / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        (made / "card.md").write_text(card)
        made.rename(target)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise RegistryError(f"cannot write the model to {folder}: {error.strerror}: give another folder") from error
    if not (folder / "current").exists():
        promote(folder, manifest.version)
    return target


def manifest(folder: Path, version: str) -> Manifest:
    """What is known of a version, without loading it; raises RegistryError where it is not there."""
    if version not in versions(folder):
        raise RegistryError(f"model {version!r} is not in {folder}: it has {_listed(versions(folder))}")
    return _manifest(folder / version / "manifest.json")


def graph_of(folder: Path, version: str) -> bytes:
    """The graph's file of a version that can be used; raises RegistryError."""
    load(folder, version)
    return _bytes(folder / version / "model.onnx")


def manifests(folder: Path) -> list[Manifest]:
    """What is known of every version; raises RegistryError."""
    return [_manifest(folder / version / "manifest.json") for version in versions(folder)]


def card(folder: Path, version: str) -> str:
    """The model card as Markdown, empty where there is none; raises RegistryError where it cannot be read."""
    file = folder / version / "card.md"
    return _bytes(file).decode(errors="replace") if file.exists() else ""


def promote(folder: Path, version: str) -> None:
    """Make this version the folder's current one, once it has been loaded and found whole; raises RegistryError."""
    load(folder, version)
    made = folder / f".current.{os.getpid()}"
    try:
        made.write_text(version + "\n")
        made.replace(folder / "current")
    except OSError as error:
        raise RegistryError(f"cannot write {folder}/current: {error.strerror}: make the folder writable") from error


def _manifest(file: Path) -> Manifest:
    try:
        return msgspec.json.decode(_bytes(file), type=Manifest)
    except msgspec.DecodeError as error:
        raise RegistryError(f"{file} is not a manifest ({error}): copy it again") from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RegistryError(f"cannot read {file}: {error.strerror}: copy the model's folder again") from error


def _listed(there: list[str]) -> str:
    return ", ".join(there) or "none there"
