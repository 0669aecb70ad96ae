"""Versions in a folder: what can be loaded, and what is refused with one line that says what to do."""

import hashlib
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import msgspec
import pytest

from scoring import registry
from scoring.folder import MOST_GRAPH_BYTES, RegistryError
from scoring.manifest import Manifest
from scoring.registry import SHIPPED

VERSION = registry.current()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "models"))


def rewrite(folder: Path, **changes: object) -> None:
    file = folder / VERSION / "manifest.json"
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))


def refusal(folder: Path, version: str = "") -> str:
    with pytest.raises(RegistryError) as caught:
        registry.load(folder, version)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_shipped_version_is_the_current_one() -> None:
    assert VERSION in registry.versions()
    assert registry.load().manifest.version == VERSION
    assert (SHIPPED / VERSION / "card.md").read_text().startswith(f"# {VERSION}")


def test_a_version_by_name(folder: Path) -> None:
    assert registry.load(folder, VERSION).manifest.version == VERSION


def test_a_changed_graph_is_refused(folder: Path) -> None:
    graph = folder / VERSION / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    assert "sha256" in refusal(folder)
    assert "copy it again" in refusal(folder)


def test_a_graph_that_is_none_is_refused(folder: Path) -> None:
    (folder / VERSION / "model.onnx").write_bytes(b"not a graph")
    rewrite(folder, sha256=hashlib.sha256(b"not a graph").hexdigest())
    assert "cannot be used: onnxruntime cannot read it" in refusal(folder)


def test_another_feature_contract_is_refused(folder: Path) -> None:
    rewrite(folder, contract_version=99)
    assert "feature contract 99" in refusal(folder)
    assert "train it again" in refusal(folder)


@pytest.mark.parametrize("version", ["lr-nothing", "../models", "/etc", "."])
def test_a_version_that_is_not_there_is_refused(folder: Path, version: str) -> None:
    message = refusal(folder, version)
    assert repr(version) in message
    assert VERSION in message
    assert "OPECOM_SCORING__MODEL" in message


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_file_without_end_is_refused_before_it_fills_memory(folder: Path, name: str) -> None:
    """Sparse: a terabyte that takes no disk."""
    with (folder / VERSION / name).open("r+b") as file:
        file.truncate(2**40)
    tracemalloc.start()
    try:
        assert "bytes, which no model of ours needs" in refusal(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A reader's buffer grows by doubling.
    assert peak <= 3 * MOST_GRAPH_BYTES


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "OPECOM_SCORING__REGISTRY" in refusal(tmp_path / "nowhere")


def test_a_folder_without_a_current_version_is_refused(folder: Path) -> None:
    (folder / "current").unlink()
    assert "names no version" in refusal(folder)
    assert VERSION in refusal(folder)


def test_a_manifest_that_is_none_is_refused(folder: Path) -> None:
    (folder / VERSION / "manifest.json").write_text('{"version": 3}')
    assert "is not a manifest" in refusal(folder)


def test_a_missing_graph_is_refused(folder: Path) -> None:
    (folder / VERSION / "model.onnx").unlink()
    assert "cannot read" in refusal(folder)


def test_a_renamed_folder_is_refused(folder: Path) -> None:
    (folder / VERSION).rename(folder / "other")
    assert f"holds model {VERSION}" in refusal(folder, "other")


def parts() -> tuple[bytes, Manifest]:
    return (SHIPPED / VERSION / "model.onnx").read_bytes(), registry.load().manifest


def test_what_was_added_can_be_loaded_and_the_first_is_current(tmp_path: Path) -> None:
    graph, manifest = parts()
    assert registry.add(tmp_path / "new", graph, manifest, "card") == tmp_path / "new" / VERSION
    assert registry.load(tmp_path / "new").manifest == manifest
    assert sorted(os.listdir(tmp_path / "new")) == sorted([VERSION, "current"])


def test_adding_again_changes_nothing(folder: Path) -> None:
    graph, manifest = parts()
    registry.add(folder, graph, manifest, "another card")
    assert "another card" not in (folder / VERSION / "card.md").read_text()


def test_the_same_version_with_another_graph_is_refused(folder: Path) -> None:
    graph, manifest = parts()
    with pytest.raises(RegistryError, match="another graph"):
        registry.add(folder, graph, msgspec.structs.replace(manifest, sha256="0" * 64), "card")


def test_a_version_that_leaves_the_folder_is_refused(folder: Path) -> None:
    graph, manifest = parts()
    with pytest.raises(RegistryError, match="cannot be a version"):
        registry.add(folder, graph, msgspec.structs.replace(manifest, version="../up"), "card")


def test_a_second_version_is_current_only_when_promoted(folder: Path) -> None:
    graph, manifest = parts()
    registry.add(folder, graph, msgspec.structs.replace(manifest, version="second"), "card")
    assert registry.versions(folder) == sorted([VERSION, "second"])
    assert registry.current(folder) == VERSION
    registry.promote(folder, "second")
    assert registry.load(folder).manifest.version == "second"


def test_a_broken_version_is_not_promoted(folder: Path) -> None:
    rewrite(folder, contract_version=99)
    with pytest.raises(RegistryError, match="feature contract"):
        registry.promote(folder, VERSION)


def test_loading_needs_no_training_libraries() -> None:
    script = (
        "import sys; from scoring import registry; registry.load(); "
        "print(sorted({'onnx', 'sklearn', 'scipy', 'scoring.training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_wheel_carries_the_shipped_models(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"scoring/models/{VERSION}/{part}" for part in ("model.onnx", "manifest.json", "card.md")}
    assert wanted | {"scoring/models/current"} <= names
