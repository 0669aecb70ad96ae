"""Which versions were put in force on which log, remembered beside the versions: what a rollback goes back to.

A line of `<registry>/promotions.jsonl` for each promotion and rollback, the oldest first. A log is a name here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from scoring.registry import RegistryError


class Promotion(Struct, frozen=True, kw_only=True):
    """`version` took the place of `before` on `log`; `at` is the time in ISO 8601 (UTC)."""

    kind: Literal["promote", "rollback"]
    version: str
    before: str
    log: str
    at: str


def promotions(folder: Path, log: str) -> list[Promotion]:
    """The promotions and rollbacks of this log; raises RegistryError for a file that is not ours."""
    file = folder / "promotions.jsonl"
    try:
        told = [msgspec.json.decode(line, type=Promotion) for line in file.read_bytes().splitlines() if line]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise RegistryError(f"cannot read {file} ({error}): mend the line, or remove the file") from error
    return [each for each in told if each.log == log]


def remember(folder: Path, promotion: Promotion) -> None:
    """Append to the file; raises RegistryError where it cannot be written."""
    try:
        with (folder / "promotions.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(promotion) + b"\n")
    except OSError as error:
        raise RegistryError(f"cannot write {folder}/promotions.jsonl: {error.strerror}") from error


def in_force(told: Iterable[Promotion]) -> list[str]:
    """The versions in the order in which they came into force, the one in force last; those rolled back are left out.

    Empty where nothing was ever promoted.
    """
    stack: list[str] = []
    for each in told:
        stack = stack or [each.before]
        if each.kind == "promote":
            stack.append(each.version)
        else:
            stack.pop()
    return stack
