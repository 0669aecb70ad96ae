"""Where tests find data files, which are not part of the repository."""

import os
from pathlib import Path

_BESIDE = Path(__file__).parents[3] / "shared" / "data"


def found(variable: str, name: str) -> Path | None:
    """The file that the variable names, else the one of this name in ../shared/data beside the repository, if any."""
    named = os.environ.get(variable)
    file = Path(named) if named else _BESIDE / name
    return file if file.is_file() else None
