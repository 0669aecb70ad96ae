"""Which versions were put in force on which log, remembered beside the versions: what a rollback goes back to.

A line of `<registry>/promotions.jsonl` for each promotion and rollback, the oldest first. A log is a name here.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from scoring.folder import MOST_GRAPH_BYTES, Place, RegistryError, read, write

FILE = "promotions.jsonl"
GateOutcome = Literal["none", "passed", "forced"]


class Promotion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`version` took the place of `before` on `log`; `at` is the time in ISO 8601 (UTC).

    `site`: it scores this site alone, "" where it scores all that have no model of their own; of a site an empty
    version or `before` is the common model.

    `gate`: what the gate of scoring/shadow/gate.py said, `none` where nobody had it judged; `forced`: it was put in
    force against the `refusals`.
    """

    kind: Literal["promote", "rollback"]
    version: str
    before: str
    log: str
    at: str
    gate: GateOutcome = "none"
    refusals: tuple[str, ...] = ()
    site: str = ""


def promotions(folder: Place, log: str, site: str = "") -> list[Promotion]:
    """The promotions and rollbacks of this log, the common ones or a site's own; raises RegistryError for a file that
    is not ours."""
    return [each for each in recorded(folder) if (each.log, each.site) == (log, site)]


def site_models(folder: Place) -> dict[str, str]:
    """The sites that have a model of their own on the newest log that they had one on; raises RegistryError."""
    newest = {each.site: each.version for each in recorded(folder) if each.site}
    return {site: version for site, version in newest.items() if version}


def recorded(folder: Place) -> list[Promotion]:
    """All of them, of every log and site, the oldest first; raises RegistryError for a file that is not ours."""
    try:
        return [msgspec.json.decode(line, type=Promotion) for line in _lines(folder)]
    except msgspec.DecodeError as error:
        raise RegistryError(f"cannot read {folder / FILE} ({error}): fix the line, or remove the file") from error


def remember(folder: Place, promotion: Promotion) -> None:
    """Add it to the file, which is written whole, as nothing can be appended at most URLs; raises RegistryError."""
    write(folder / FILE, b"\n".join([*_lines(folder), msgspec.json.encode(promotion), b""]))


def _lines(folder: Place) -> list[bytes]:
    try:
        return [line for line in read(folder / FILE, MOST_GRAPH_BYTES).splitlines() if line]
    except FileNotFoundError:
        return []


def in_force(promoted: Iterable[Promotion]) -> list[str]:
    """The versions in the order in which they came into force, the one in force last; those rolled back are left out.

    Empty where nothing was ever promoted.
    """
    stack: list[str] = []
    for each in promoted:
        stack = stack or [each.before]
        if each.kind == "promote":
            stack.append(each.version)
        else:
            stack.pop()
    return stack
