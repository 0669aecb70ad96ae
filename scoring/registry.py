"""Versions of models in a folder: `<folder>/<version>/{model.onnx, manifest.json, card.md}`, and which one is current.

The folder is on this machine or at a URL. A version is there when its manifest is, and is never changed then. The file
`<folder>/current` names the version that scores where nothing else is said. The package ships such a folder, SHIPPED.
Knows nothing of training and of the log.
"""

import hashlib
import re
from pathlib import Path

import msgspec

from scoring.acceptance import UnfitModelError, accept
from scoring.contracts import ContractError, contract
from scoring.folder import MOST_GRAPH_BYTES, Place, RegistryError, names, read, there, write
from scoring.manifest import Manifest
from scoring.onnx import GraphError, OnnxModel

SHIPPED = Path(__file__).parent / "models"
#: The file by which a folder of one's own says that the shipped version was put into it.
SEEDED = "seeded"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def versions(folder: Place = SHIPPED) -> list[str]:
    """The versions in the folder, sorted by name; raises RegistryError when there is no such folder."""
    return [name for name in _names(folder) if there(folder / name / "manifest.json")]


def current(folder: Place = SHIPPED) -> str:
    """The version that `current` names; raises RegistryError when the folder names none."""
    try:
        return read(folder / "current").decode(errors="replace").strip()
    except FileNotFoundError:
        raise RegistryError(
            f"{folder}/current names no version: set OPECOM_SCORING__MODEL to one of: {_listed(versions(folder))}"
        ) from None


def load(folder: Place = SHIPPED, version: str = "") -> OnnxModel:
    """The model of that version, or the current one when version is empty.

    Raises RegistryError when it is not there, was changed after training, belongs to another feature contract, or does
    not answer as its manifest says.
    """
    return _loaded(folder, version)[0]


def _loaded(folder: Place, version: str) -> tuple[OnnxModel, bytes]:
    version = version or current(folder)
    manifest = _found(folder, version)
    if manifest is None:
        raise RegistryError(
            f"model {version!r} is not in {folder}: copy its folder there, or set OPECOM_SCORING__MODEL to one of: "
            f"{_listed(versions(folder))}"
        )
    if manifest.version != version:
        raise RegistryError(f"{folder / version} holds model {manifest.version}: give the folder that name")
    try:
        columns = len(contract(manifest.contract_version).names)
    except ContractError as error:
        raise RegistryError(
            f"model {version}: {error}: train it again with this program, or run the program that it was trained for"
        ) from error
    if len(manifest.reference) != columns:
        raise RegistryError(
            f"model {version} has a reference session of {len(manifest.reference)} numbers, its feature contract "
            f"{columns}: train it again"
        )
    graph = _bytes(folder / version / "model.onnx")
    if hashlib.sha256(graph).hexdigest() != manifest.sha256:
        raise RegistryError(f"{folder / version}/model.onnx is not the file that was trained (sha256): copy it again")
    try:
        model = OnnxModel(graph, manifest)
        accept(model)
    except (GraphError, UnfitModelError) as error:
        raise RegistryError(f"{folder / version}/model.onnx cannot be used: {error}: train it again") from error
    return model, graph


def add(folder: Place, graph: bytes, manifest: Manifest, card: str) -> Place:
    """Put a version into the folder, whole or not at all, and return where it is.

    The first version of a folder becomes its current one. A version that is there already stays as it is; raises
    RegistryError when that one has another graph.
    """
    if len(graph) > MOST_GRAPH_BYTES:
        raise RegistryError(f"the graph has {len(graph):,} bytes: at most {MOST_GRAPH_BYTES:,}")
    if not _VERSION.fullmatch(manifest.version):
        raise RegistryError(f"{manifest.version!r} cannot be a version: letters, digits, dot, dash, at most 64")
    target = folder / manifest.version
    known = _found(folder, manifest.version)
    if known is not None:
        if known.sha256 != manifest.sha256:
            raise RegistryError(f"{target} is there with another graph: remove it, or train with another --date")
        return target
    write(target / "model.onnx", graph)
    write(target / "card.md", card.encode())
    # Last: the version is there from now on.
    write(target / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    if not there(folder / "current"):
        promote(folder, manifest.version)
    return target


def manifest(folder: Place, version: str) -> Manifest:
    """What is known of a version, without loading it; raises RegistryError where it is not there."""
    found = _found(folder, version)
    if found is None:
        raise RegistryError(f"model {version!r} is not in {folder}: it has {_listed(versions(folder))}")
    return found


def graph_of(folder: Place, version: str) -> bytes:
    """The graph's file of a version that can be used; raises RegistryError."""
    return _loaded(folder, version)[1]


def manifests(folder: Place) -> list[Manifest]:
    """What is known of every version; raises RegistryError."""
    return [found for name in _names(folder) if (found := _found(folder, name)) is not None]


def card(folder: Place, version: str) -> str:
    """The model card as Markdown, empty where there is none; raises RegistryError where it cannot be read."""
    try:
        return read(folder / version / "card.md").decode(errors="replace")
    except FileNotFoundError:
        return ""


def promote(folder: Place, version: str) -> None:
    """Make this version the folder's current one, once it has been loaded and found whole; raises RegistryError."""
    load(folder, version)
    write(folder / "current", f"{version}\n".encode())


def add_shipped(folder: Place) -> str:
    """Put the shipped version into a registry, which is made where there is none, and return its name. It becomes
    current where none is. Raises RegistryError where it cannot be written."""
    version = current(SHIPPED)
    add(folder, graph_of(SHIPPED, version), manifest(SHIPPED, version), card(SHIPPED, version))
    return version


def is_seeded(folder: Path) -> bool:
    """Whether `seed` has made this folder a registry."""
    return (folder / SEEDED).is_file()


def seed(folder: Path) -> None:
    """Make the folder a registry that has the shipped version, which scores until another is promoted.

    A version that was put in force there stays so, and one that came with an earlier program stays there. Raises
    RegistryError where it cannot be written.
    """
    version = add_shipped(folder)
    if not is_seeded(folder):
        promote(folder, version)
        write(folder / SEEDED, b"")


def _names(folder: Place) -> list[str]:
    """What can be versions by their names, sorted."""
    try:
        return sorted(name for name in names(folder) if _VERSION.fullmatch(name))
    except FileNotFoundError:
        raise RegistryError(
            f"no model registry at {folder}: set OPECOM_SCORING__REGISTRY to a folder of models or its URL, "
            "or leave it empty for the shipped ones"
        ) from None


def _found(folder: Place, version: str) -> Manifest | None:
    """The version's manifest; None where there is no such version."""
    if not _VERSION.fullmatch(version):
        return None
    file = folder / version / "manifest.json"
    try:
        return msgspec.json.decode(read(file), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise RegistryError(f"{file} is not a manifest ({error}): copy it again") from error


def _bytes(file: Place) -> bytes:
    try:
        return read(file, MOST_GRAPH_BYTES)
    except FileNotFoundError:
        raise RegistryError(f"cannot read {file}: there is no such file: copy the model's folder again") from None


def _listed(found: list[str]) -> str:
    return ", ".join(found) or "none there"
