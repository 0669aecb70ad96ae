"""`opecom train`: reproduces the study on the UCI file and registers its models."""

import datetime
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.wiring.models import writable_registry


def train(
    data: Annotated[Path, typer.Option(help="Sessions in the format of UCI 468, a CSV file.")],
    out: Annotated[
        str | None, typer.Option(help="Registry, a folder or URL; none: scoring.registry, else models in data_dir.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for report.html and report.md; none: no report.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, max=50, help="Seeds of TabM on each track; none: 5.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The whole way in under 2 minutes; poor models.")] = False,
    with_ablation: Annotated[
        bool, typer.Option("--ablation", help="Ensemble sizes 16 to 1, three seeds each.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--download", help="Get the file from UCI to --data if it is not there.")
    ] = False,
    date: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="YYYY-MM-DD, part of the versions; none: today, UTC."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the figures as one JSON object.")] = False,
) -> None:
    """Trains TabM and its baselines, evaluates them, and registers the models that can be served."""
    settings = load()
    try:
        from scoring.folder import RegistryError, place
        from scoring.training.download import download
        from scoring.training.export import ExportError
        from scoring.training.load import DataError
        from scoring.training.study import Extent
        from scoring.training.train import LITTLE
        from scoring.training.train import train as run
    except ModuleNotFoundError as error:
        raise SetupError(
            f"training needs {error.name}: `make train DATA=...` sets it up, or pip install 'op-ecom[train]'"
        ) from None
    extent = LITTLE if quick else Extent()
    if seeds is not None:
        extent = replace(extent, seeds=seeds)
    day = (date or datetime.datetime.now(datetime.UTC)).date().isoformat()
    begun = time.monotonic()

    def write_line(step: str) -> None:
        print_line(f"{time.monotonic() - begun:6.0f} s  {step}", flush=True)

    try:
        if fetch:
            write_line(f"download to {data}")
            download(data)
        folder = place(out) if out else writable_registry(settings.scoring)
        trained = run(data, folder, day, report, extent, with_ablation, write_line)
    except (DataError, ExportError, RegistryError) as error:
        raise SetupError(str(error)) from None
    figures = trained.figures()
    print_line(json.dumps(figures, indent=2))
    for each in trained.added:
        print_line(f"{each.manifest.version} is in {each.folder}")
    if not out:
        print_line(f"`opecom models promote {trained.added[0].manifest.version}` puts it in force")
    if report is not None:
        print_line(f"report: {report / 'report.html'}")
    if as_json:
        print_line(json.dumps(figures))
