"""The UCI file as a simulation: which rows, on which site, and how they are checked afterwards."""

import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from deploy.errors import SetupError
from deploy.settings.model import Settings
from deploy.simulate import check
from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.pages import Catalogue
from deploy.simulate.progress import models_of
from deploy.simulate.rows import Row, read, sample, write
from deploy.simulate.run import Simulation
from deploy.simulate.uci import UciVisit
from deploy.wiring.calendars import calendars
from deploy.wiring.models import registry
from scoring.folder import RegistryError
from scoring.registry import graph_of, manifest

SITE = "uci"
#: Sessions that are drawn where no file and no number is given.
DRAWN = 1_000


class UciSource(Struct, frozen=True):
    """Rows to send, and the file that holds them: the UCI file, or the drawn rows written like it."""

    rows: list[Row]
    file: Path
    drawn: bool


def source(settings: Settings, data: Path | None, sessions: int | None, run: str) -> UciSource:
    """The rows of the file (all, or a sample), or drawn ones where there is no file; raises SetupError."""
    if data is not None:
        rows = read(data)
        return UciSource(rows if sessions is None else sample(rows, sessions), data, False)
    rows = draw(sessions or DRAWN)
    file = settings.data_dir / "drawn" / f"{run}.csv"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, rows)
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}: see data_dir") from error
    return UciSource(rows, file, True)


def simulation(settings: Settings, rows: list[Row], run: str, crowded: bool = False) -> Simulation:
    """The rows as visits of a site of their own; `crowded`: see Dates.

    Raises SetupError when a row has no place in the site's year.
    """
    site, catalogue = f"{SITE}~{run}", Catalogue()
    dates = Dates(calendars(settings).of(site), crowded)
    visits = [UciVisit(site, row, dates, catalogue) for row in rows]
    return Simulation(settings, site, visits, catalogue.rows(site, site))


def verify(settings: Settings, engine: Engine, simulation: Simulation, file: Path) -> int:
    """Compare the database with the file, and the scores with the model's of the file; an exit code.

    Raises SetupError.
    """
    try:
        models = models_of(engine, simulation.site)
    except SQLAlchemyError as error:
        raise SetupError(f"the relational database cannot be read: {error}: see storage.url") from error
    if len(models) != 1:
        raise SetupError(
            f"sessions of {simulation.site} were scored by {len(models)} models ({', '.join(models)}): simulate again, "
            "without changing the model meanwhile"
        )
    try:
        folder = registry(settings.scoring)
        graph, known = graph_of(folder, models[0]), manifest(folder, models[0])
    except RegistryError as error:
        raise SetupError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="opecom-model-") as copy:
        model = Path(copy) / "model.onnx"
        model.write_bytes(graph)
        model.with_name("manifest.json").write_bytes(msgspec.json.encode(known))
        return check.check("uci", engine, simulation, file, "--model", str(model))
