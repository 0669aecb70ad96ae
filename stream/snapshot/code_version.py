"""Which code a snapshot is of: another one may fold the same events into another state, or read its bytes otherwise."""

import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import ingest.commerce
import ingest.events
import stream.experiments
import stream.fold
import stream.interventions
import stream.scored
import stream.snapshot


@cache
def code_version() -> str:
    """A digest of all code that makes an event's effect on a session, and of the Python that runs it."""
    files = [Path(str(module.__file__)) for module in (ingest.events, ingest.commerce, stream.scored)]
    for package in (stream.fold, stream.snapshot, stream.experiments, stream.interventions):
        files += sorted(Path(package.__path__[0]).glob("*.py"))
    digest = sha256(f"{sys.version_info[:2]} {sys.byteorder}".encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:32]
