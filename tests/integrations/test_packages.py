"""The SDKs as packages: what is in them, their types, and a Python client after a fork."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.apis import node_modules, run
from tests.support.ingest_app import WRITE_KEY, events
from tests.support.sdks import DRIVERS, INTEGRATIONS, faulty, program

TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "types": ["node"],
        "noEmit": True,
    },
    "files": ["use.ts"],
}
#: A parent sends one event and forks; the child sends another; both end without a word to the client.
FORKING = """
import os, sys
from opecom_sdk import Client
client = Client(sys.argv[1], sys.argv[2], flush_seconds=3600)
client.send({"type": "session_end", "session_id": "parent"})
child = os.fork()
if child == 0:
    client.send({"type": "session_end", "session_id": "child"})
    client.close(60)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


async def test_the_types_for_node_take_what_is_right_and_refuse_what_is_wrong(tmp_path: Path) -> None:
    modules = node_modules()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    (tmp_path / "use.ts").write_text((DRIVERS / "use.ts").read_text())
    installed = tmp_path / "node_modules"
    installed.mkdir()
    (installed / "op-ecom-sdk").symlink_to(INTEGRATIONS / "node")
    (installed / "@types").symlink_to(modules / "@types")
    (installed / "undici-types").symlink_to(modules / "undici-types")
    await run("node", modules / "typescript/bin/tsc", "--project", "tsconfig.json", folder=tmp_path)


def test_the_package_for_node_has_its_files_and_no_dependency() -> None:
    npm = program("npm", "no npm: no package for Node is made")
    packed = subprocess.run(
        [npm, "pack", "--dry-run", "--json"], cwd=INTEGRATIONS / "node", capture_output=True, text=True, check=True
    )
    files = {file["path"] for file in json.loads(packed.stdout)[0]["files"]}
    modules = {"lib/client.js", "lib/errors.js", "lib/signatures.js", "lib/transport.js"}
    assert files - {"README.md", "LICENSE"} == {"index.js", "index.d.ts", "package.json", *modules}
    assert "dependencies" not in json.loads((INTEGRATIONS / "node/package.json").read_text())


def test_the_package_for_python_is_built_with_its_types(tmp_path: Path) -> None:
    build = "import sys, hatchling.build as build; print(build.build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, tmp_path],
        cwd=INTEGRATIONS / "python",
        capture_output=True,
        text=True,
        check=True,
    )
    names = zipfile.ZipFile(tmp_path / made.stdout.split()[-1]).namelist()
    modules = ("__init__", "batches", "client", "errors", "signatures", "transport")
    expected = {f"opecom_sdk/{name}.py" for name in modules} | {"opecom_sdk/py.typed"}
    assert {name for name in names if name.startswith("opecom_sdk/")} == expected


@pytest.mark.parametrize("language", ["python", "node", "php"])
def test_no_sdk_needs_another_package(language: str) -> None:
    metadata = {"python": "pyproject.toml", "node": "package.json", "php": "composer.json"}[language]
    text = (INTEGRATIONS / language / metadata).read_text()
    if language == "python":
        assert "dependencies = []" in text
    else:
        needed = json.loads(text)
        assert set(needed.get("require", {})) | set(needed.get("dependencies", {})) <= {"php", "ext-json"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
async def test_a_forked_child_sends_its_own_events_and_none_of_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    async with faulty() as server:
        path = str(INTEGRATIONS / "python")
        await run(sys.executable, script, server.url, WRITE_KEY, folder=tmp_path, PYTHONPATH=path)
    assert sorted(event.session_id for event in events(server.log)) == ["child", "parent"]
