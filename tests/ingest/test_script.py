"""The tracker's files as browsers get them."""

import base64
import gzip
import hashlib
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ingest import script, script_routes
from ingest.publish import ListPublisher
from tests.support import wheel
from tests.support.ingest_app import ingest_client, settings

#: 7 kB for what every page loads, comments included. Parts and stub are the business of the pages that use them; the
#: runtime of models has a loop for each operator, the fold a rule for each column.
MOST_BYTES, MOST_PART_BYTES, MOST_STUB_BYTES = 7_000, {"model": 4_000, "fold": 4_000}, 400
#: What private mode has around the script.
MOST_PRIVATE_BYTES = 4_000
SOURCE = script.read("/static/tracker.js")


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with ingest_client(ListPublisher()) as client:
        yield client


def test_the_script_is_small_as_it_stands() -> None:
    assert len(gzip.compress(SOURCE.script.content, 9, mtime=0)) <= MOST_BYTES
    assert len(gzip.compress(SOURCE.stub.content, 9, mtime=0)) <= MOST_STUB_BYTES
    assert len(gzip.compress(SOURCE.private.content, 9, mtime=0)) <= MOST_BYTES + MOST_PRIVATE_BYTES
    for name, part in SOURCE.parts.items():
        assert len(gzip.compress(part.content, 9, mtime=0)) <= MOST_PART_BYTES.get(name, 3_000)


@pytest.mark.parametrize(
    ("path", "file", "kept"),
    [
        pytest.param(SOURCE.path, SOURCE.script, script_routes.PLAIN_CACHE, id="the script"),
        pytest.param("/static/tracker.mjs", SOURCE.module, script_routes.PLAIN_CACHE, id="the module"),
        pytest.param("/static/tracker.d.ts", SOURCE.types, script_routes.PLAIN_CACHE, id="the types"),
        pytest.param("/static/tracker.stub.js", SOURCE.stub, script_routes.PLAIN_CACHE, id="the stub"),
        pytest.param(
            "/static/tracker.intent.mjs", SOURCE.parts["intent"], script_routes.PLAIN_CACHE, id="the intent's part"
        ),
        pytest.param(
            "/static/tracker.domains.mjs",
            SOURCE.parts["domains"],
            script_routes.PLAIN_CACHE,
            id="the part of several hosts",
        ),
        pytest.param(
            "/static/tracker.datalayer.mjs",
            SOURCE.parts["datalayer"],
            script_routes.PLAIN_CACHE,
            id="the part of a dataLayer",
        ),
        pytest.param(SOURCE.pinned_path, SOURCE.script, script_routes.PINNED_CACHE, id="the script by its hash"),
        pytest.param(SOURCE.pinned_module_path, SOURCE.module, script_routes.PINNED_CACHE, id="the module by its hash"),
        pytest.param(
            SOURCE.pinned_path.replace(".js", ".domains.mjs"),
            SOURCE.parts["domains"],
            script_routes.PINNED_CACHE,
            id="a part beside the script by its hash",
        ),
    ],
)
async def test_a_file_is_its_source(path: str, file: script.ScriptFile, kept: str, browser: httpx.AsyncClient) -> None:
    plain = await browser.get(path, headers={"accept-encoding": "identity", "origin": "https://any.example"})
    assert plain.status_code == 200
    assert (plain.content, plain.headers["cache-control"]) == (file.content, kept)
    assert plain.headers["content-type"] == file.media_type
    assert file.media_type.startswith("application/typescript" if path.endswith(".ts") else "text/javascript")
    assert (await browser.head(path)).status_code == 200
    assert plain.headers["access-control-allow-origin"] == "*"
    packed = await browser.get(path, headers={"accept-encoding": "br, gzip"})
    assert (packed.content, packed.headers["content-encoding"]) == (file.content, "gzip")
    again = await browser.get(path, headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    changed = await browser.get(path, headers={"if-none-match": 'W/"000000000000"'})
    assert changed.status_code == 200


async def test_another_release_has_another_name(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/static/tracker.000000000000.js")).status_code == 404


async def test_the_hashes_are_those_of_the_bytes(browser: httpx.AsyncClient) -> None:
    manifest = (await browser.get("/static/tracker.json")).json()
    for entry in (manifest["script"], manifest["module"], manifest["private"], *manifest["parts"].values()):
        content = (await browser.get(entry["pinned"])).content
        assert entry["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
        assert SOURCE.digest in entry["pinned"]
        assert (await browser.get(entry["path"])).content == content
    stub = manifest["stub"]
    assert stub["csp"] == f"'sha256-{base64.b64encode(hashlib.sha256(stub['text'].encode()).digest()).decode()}'"
    served = (await browser.get(stub["path"])).text
    assert stub["text"].split() == served.split()


@pytest.mark.parametrize("changed", ["script", "module", "private", *SOURCE.parts])
def test_another_byte_of_any_file_is_another_release(changed: str) -> None:
    """A pinned script loads the parts under its own name, so that name must change with them."""
    other = script.ScriptFile(b"// other")
    if changed in SOURCE.parts:
        release = replace(SOURCE, parts={**SOURCE.parts, changed: other})
    else:
        release = replace(SOURCE, **{changed: other})
    assert release.digest != SOURCE.digest
    assert release.pinned.keys().isdisjoint(SOURCE.pinned)


async def test_renamed_files_and_paths() -> None:
    log = ListPublisher()
    given = settings(script_path="/assets/shop.js", prefix="/shop/live")
    async with ingest_client(log, given) as client:
        assert (await client.get("/assets/shop.js")).content == SOURCE.script.content
        assert (await client.get("/assets/shop.mjs")).content == SOURCE.module.content
        assert (await client.get("/assets/shop.intent.mjs")).content == SOURCE.parts["intent"].content
        assert (await client.get(f"/assets/shop.{SOURCE.digest}.js")).status_code == 200
        assert (await client.get("/static/tracker.js")).status_code == 404
        body = {"session_id": "s1", "category": "a", "action": "b"}
        for path in ("/shop/live/tracker/event", "/tracker/event"):
            assert (await client.post(path, json=body)).status_code == 202
        assert (await client.get("/shop/live/livez")).json() == {"status": "alive"}
        assert (await client.get("/shop/livez")).status_code == 404
    assert len(log.records) == 2


def test_the_files_are_in_the_wheel(tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel.build(tmp_path)).namelist()
    assert {
        f"ingest/static/{name}"
        for name in ("tracker.js", "stub.js", "exports.mjs", "tracker.d.ts", *(f"{part}.mjs" for part in script.PARTS))
    } <= set(names)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        pytest.param("gzip, deflate, br", True, id="among others"),
        pytest.param("br;q=1.0, gzip;q=0.5", True, id="with a weight"),
        pytest.param("gzip;q=0", False, id="refused"),
        pytest.param("gzip; q=0.0", False, id="refused with a point"),
        pytest.param("x-gzipped", False, id="another name"),
        pytest.param("", False, id="none"),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert script_routes.takes_gzip(header) is taken


def test_the_module_and_the_types_name_what_the_script_has() -> None:
    """A function that only one of the three has is a mistake, and so is one with other parameters."""
    source, types = SOURCE.script.content.decode(), SOURCE.types.content.decode()
    (body,) = re.findall(r"  const methods = \{\n(.*?)\n  \};\n", source, re.DOTALL)
    (interface,) = re.findall(r"export interface Tracker \{\n(.*?)\n\}\n", types, re.DOTALL)
    typed = dict(re.findall(r"^  (\w+)\((.*)\): ", interface, re.MULTILINE))
    own = re.findall(r"^    (?:async )?(\w+)(?:\(.*\) \{|,)$", body, re.MULTILINE)
    assert sorted(own) == sorted(typed)
    for name in own:
        (taken,) = re.findall(rf"^(?:    (?:async )?|  function ){name}\((.*)\) \{{$", source, re.MULTILINE)
        assert count(taken) == count(typed[name]), name
    exported = re.findall(r"export const \{ (.*) \} = tracker", SOURCE.module.content.decode())[0].split(", ")
    assert sorted([*exported, "start"]) == sorted(own)
    assert "export const start = (options) => tracker.start({ src: import.meta.url, ...options });" in source_of(
        "module"
    )
    (stubbed,) = re.findall(r"'(.*?)'\.split\(' '\)", source_of("stub"))
    assert sorted(stubbed.split()) == sorted(own)
    assert sorted(re.findall(r"export const (\w+): Tracker\['\1'\]", types)) == sorted(own)


def source_of(name: str) -> str:
    return str(getattr(SOURCE, name).content.decode())


def count(parameters: str) -> int:
    """How many parameters a list in JavaScript or TypeScript has."""
    flat = re.sub(r"\{.*?\}|\(.*?\) => ", "", parameters)
    return flat.count(",") + 1 if flat else 0
