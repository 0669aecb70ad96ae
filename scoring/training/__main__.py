"""`python -m scoring.training --data FILE --out FOLDER`: trains a model and adds it to a registry folder."""

import argparse
import datetime
import sys
from pathlib import Path

from scoring.registry import RegistryError


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 trained, 1 refused with one line, 2 wrong arguments (by argparse)."""
    parser = argparse.ArgumentParser(prog="python -m scoring.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="sessions in the format of UCI 468, a CSV file")
    parser.add_argument("--out", type=Path, required=True, help="registry folder to add the version to")
    parser.add_argument(
        "--date", type=datetime.date.fromisoformat, help="YYYY-MM-DD, part of the version (default: today, UTC)"
    )
    given = parser.parse_args(arguments)
    try:
        from scoring.training.export import ExportError
        from scoring.training.load import DataError
        from scoring.training.train import train
    except ModuleNotFoundError as error:
        print(f"training needs {error.name}: make setup EXTRA=train, or pip install 'op-ecom[train]'", file=sys.stderr)
        return 1
    date = given.date or datetime.datetime.now(datetime.UTC).date()
    try:
        trained = train(given.data, given.out, date.isoformat())
    except (DataError, ExportError, RegistryError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in trained.manifest.metrics.items():
        print(f"{name:32}{value:.4f}")
    print(f"{trained.manifest.version} is in {trained.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
