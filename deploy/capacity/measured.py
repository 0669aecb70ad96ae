"""The figures that capacity is computed from: each with the bench, the machine and the day that it comes from."""

import tomllib
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.errors import SetupError

FILE = Path(__file__).with_name("measured.toml")


class SourcedFigure(Struct, frozen=True, forbid_unknown_fields=True):
    """`bench` and `figure` say where it is printed, `machine` is one of the file's machines, `date` YYYY-MM-DD."""

    value: float
    unit: str
    bench: str
    figure: str
    machine: str
    date: str


class AssumedFigure(Struct, frozen=True, forbid_unknown_fields=True):
    """What nobody measured; `reason` says why it is taken."""

    value: float
    unit: str
    reason: str


class Measurements(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of measured.toml."""

    machines: Mapping[str, str]
    measured: Mapping[str, SourcedFigure]
    assumed: Mapping[str, AssumedFigure]

    def __getitem__(self, name: str) -> float:
        """A figure's value; raises SetupError where there is none."""
        found = self.measured.get(name) or self.assumed.get(name)
        if found is None:
            raise SetupError(f"{FILE.name} has no figure {name}: install OP-ECOM again")
        return found.value


def read(file: Path = FILE) -> Measurements:
    """Raises SetupError for a file that cannot be computed with."""
    try:
        found = msgspec.convert(tomllib.loads(file.read_text()), Measurements)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SetupError(f"{file} cannot be read: {error}; install OP-ECOM again") from error
    for name in (*found.measured, *found.assumed):
        if not (isfinite(found[name]) and found[name] > 0):
            raise SetupError(f"{file}: {name} must be more than 0, not {found[name]:g}")
    for name, figure in found.measured.items():
        if figure.machine not in found.machines:
            raise SetupError(f"{file}: {name} is of machine {figure.machine!r}, which the file does not describe")
    return found
