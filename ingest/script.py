"""The tracker's files, under the names that they are served by: plain ones that follow the release, pinned ones that
never change.

The files in ingest/static are what browsers get; nothing is built or made smaller on the way.
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import msgspec

JAVASCRIPT = "text/javascript; charset=utf-8"
TYPESCRIPT = "application/typescript; charset=utf-8"


@dataclass(frozen=True)
class ScriptFile:
    """One file and what its tag needs: `integrity` is for the attribute of that name, `digest` for its ETag."""

    content: bytes
    media_type: str = JAVASCRIPT

    @cached_property
    def gzipped(self) -> bytes:
        return gzip.compress(self.content, 9, mtime=0)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:12]

    @cached_property
    def integrity(self) -> str:
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()


@dataclass(frozen=True)
class Script:
    """The classic script, the same as an ES module, the module's types, the stub and the parts, under one name; and
    the script between what keeps a visit in its tab, for private mode.

    `path` is where the script is, /static/tracker.js: whoever renames it renames all of them. `parts` are modules that
    the script loads from beside it, by name; only pages that use them load them.
    """

    path: str
    script: ScriptFile
    module: ScriptFile
    types: ScriptFile
    stub: ScriptFile
    private: ScriptFile
    parts: Mapping[str, ScriptFile]

    @property
    def stem(self) -> str:
        return self.path.removesuffix(".js")

    @cached_property
    def digest(self) -> str:
        """The release in a pinned name: that of all files, so that a pinned script loads the parts it was made with."""
        files = (self.script, self.module, self.private, *self.parts.values())
        return hashlib.sha256(b"".join(file.content for file in files)).hexdigest()[:12]

    @property
    def pinned_path(self) -> str:
        return f"{self.stem}.{self.digest}.js"

    @property
    def pinned_module_path(self) -> str:
        return f"{self.stem}.{self.digest}.mjs"

    @property
    def private_path(self) -> str:
        return f"{self.stem}.private.mjs"

    @property
    def pinned_private_path(self) -> str:
        return f"{self.stem}.{self.digest}.private.mjs"

    @property
    def plain(self) -> Mapping[str, ScriptFile]:
        own = {self.path: self.script, f"{self.stem}.mjs": self.module, f"{self.stem}.d.ts": self.types}
        own |= {f"{self.stem}.stub.js": self.stub, self.private_path: self.private}
        return own | self._parts(self.stem)

    @property
    def pinned(self) -> Mapping[str, ScriptFile]:
        own = {self.pinned_path: self.script, self.pinned_module_path: self.module}
        own |= {self.pinned_private_path: self.private}
        return own | self._parts(f"{self.stem}.{self.digest}")

    def _parts(self, stem: str) -> dict[str, ScriptFile]:
        return {f"{stem}.{name}.mjs": file for name, file in self.parts.items()}

    @cached_property
    def inline_stub(self) -> str:
        """The stub in one line, for a page to have in its own text."""
        return " ".join(line.strip() for line in self.stub.content.decode().splitlines())

    @property
    def stub_hash(self) -> str:
        """The source that lets a Content-Security-Policy run the stub, and no other inline script."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.inline_stub.encode()).digest()).decode()}'"

    def manifest(self) -> bytes:
        """The names and hashes as JSON, for programs that write pages."""

        def entry(path: str, pinned: str, file: ScriptFile) -> dict[str, str]:
            return {"path": path, "pinned": pinned, "integrity": file.integrity}

        stem, pinned = self.stem, f"{self.stem}.{self.digest}"
        parts = {name: entry(f"{stem}.{name}.mjs", f"{pinned}.{name}.mjs", file) for name, file in self.parts.items()}
        return msgspec.json.encode(
            {
                "script": entry(self.path, self.pinned_path, self.script),
                "module": entry(f"{stem}.mjs", self.pinned_module_path, self.module),
                "private": entry(self.private_path, self.pinned_private_path, self.private),
                "parts": parts,
                "stub": {"path": f"{stem}.stub.js", "text": self.inline_stub, "csp": self.stub_hash},
            }
        )


#: Modules beside the script: of `onIntent`, of data-cookie-domain and data-link-domains, of `track`, of data-datalayer,
#: of pages without TLS, of pages that compute arms of experiments, and of pages that score by themselves.
PARTS = ("intent", "domains", "commerce", "datalayer", "locks", "assignment", "model", "fold", "site", "prior")


def read(path: str) -> Script:
    """The tracker of this release, to be served as `path`."""
    folder = files("ingest") / "static"
    script = (folder / "tracker.js").read_bytes()
    module = script + (folder / "exports.mjs").read_bytes()
    return Script(
        path,
        ScriptFile(script),
        ScriptFile(module),
        ScriptFile((folder / "tracker.d.ts").read_bytes(), TYPESCRIPT),
        ScriptFile((folder / "stub.js").read_bytes()),
        ScriptFile(
            (folder / "private-globals.mjs").read_bytes() + script + (folder / "private-start.mjs").read_bytes()
        ),
        {name: ScriptFile((folder / f"{name}.mjs").read_bytes()) for name in PARTS},
    )
