"""A registry at a URL: read from a web server, written where the protocol lets one write, refused in one line."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from scoring import registry
from scoring.folder import RegistryError, place, read, write
from scoring.promotions import Promotion, promotions, remember
from tests.support.models import break_graph, registry_of


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder of two versions, and its URL on a web server that lists folders as HTML."""
    folder = registry_of(tmp_path / "models", "m1", "m2")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/models"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_is_a_registry(served: tuple[Path, str]) -> None:
    folder, url = served
    there = place(url)
    assert registry.versions(there) == ["m1", "m2"]
    assert registry.current(there) == "m1"
    assert registry.load(there, "m2").manifest == registry.load(folder, "m2").manifest
    assert registry.card(there, "m1") == registry.card(folder, "m1")
    assert promotions(there, "log") == []


def test_what_changes_there_is_seen_at_once(served: tuple[Path, str]) -> None:
    folder, url = served
    there = place(url)
    assert registry.current(there) == "m1"
    registry_of(folder, "m3")
    assert registry.versions(there) == ["m1", "m2", "m3"]
    assert registry.load(there).manifest.version == "m3"
    break_graph(folder, "m2")
    with pytest.raises(RegistryError, match="sha256"):
        registry.load(there, "m2")


def test_a_web_server_is_only_read(served: tuple[Path, str]) -> None:
    with pytest.raises(RegistryError, match=r"cannot write .*/current: this kind of URL is only for reading"):
        registry.promote(place(served[1]), "m2")


@pytest.mark.parametrize(
    ("path", "said"),
    [("none", "no model registry at"), ("models/m1", "names no version")],
    ids=["no such folder", "not a registry"],
)
def test_what_is_no_registry(served: tuple[Path, str], path: str, said: str) -> None:
    with pytest.raises(RegistryError, match=said) as caught:
        registry.load(place(served[1].removesuffix("models") + path))
    assert "\n" not in str(caught.value)


def test_a_version_that_is_not_there_is_refused_with_those_that_are(served: tuple[Path, str]) -> None:
    with pytest.raises(RegistryError, match=r"'m9' is not in http.*: m1, m2"):
        registry.load(place(served[1]), "m9")


def test_a_server_that_is_away_has_not_nothing() -> None:
    there = place("http://127.0.0.1:9")
    with pytest.raises(RegistryError, match=r"cannot read http://127.0.0.1:9/current: ") as caught:
        registry.load(there)
    assert "\n" not in str(caught.value)
    with pytest.raises(RegistryError, match=r"cannot read http://127.0.0.1:9/m1/manifest.json: "):
        registry.load(there, "m1")
    with pytest.raises(RegistryError, match=r"cannot read .*/promotions.jsonl: "):
        promotions(there, "log")


def test_where_a_protocol_can_be_written_models_are_added_promoted_and_remembered(tmp_path: Path) -> None:
    folder, there = registry_of(tmp_path, "m1", "m2"), place(f"memory://{uuid4().hex}/models")
    for version in ("m1", "m2"):
        registry.add(there, registry.graph_of(folder, version), registry.manifest(folder, version), f"# {version}")
    assert (registry.versions(there), registry.current(there)) == (["m1", "m2"], "m1")
    registry.promote(there, "m2")
    told = [Promotion(kind="promote", version=v, before="m1", log="log", at="2026-11-24") for v in ("m2", "m3")]
    for each in told:
        remember(there, each)
    assert registry.load(there).manifest.version == "m2"
    assert promotions(there, "log") == told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://me:secret@models.example/all", r"^https://models.example/all: leave user and password out"),
        ("nothing://models", "cannot use nothing://models: "),
    ],
    ids=["a password in the URL", "a protocol that nobody knows"],
)
def test_urls_that_cannot_be_one(url: str, said: str) -> None:
    with pytest.raises(RegistryError, match=said) as caught:
        place(url)
    assert "secret" not in str(caught.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "current", b"m1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(Path, "replace", full)
        with pytest.raises(RegistryError, match=r"cannot write .*current: No space left on device"):
            write(tmp_path / "current", b"m2")
    assert read(tmp_path / "current") == b"m1"
