"""The e-shop clicks as a simulation: which sessions, on which site, and how they are checked afterwards."""

from pathlib import Path

from sqlalchemy import Engine

from deploy.errors import SetupError
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings, variable
from deploy.simulate import check, stack
from deploy.simulate.clicks import ClickVisit
from deploy.simulate.clicks_file import ClickSession, read
from deploy.simulate.run import Simulation
from deploy.wiring.keys import read_key

SITE = "clicks"


def source(data: Path | None, sessions: int | None) -> tuple[Path, list[ClickSession]]:
    """The file and its first `sessions` sessions, or all: those of a day stay together. Raises SetupError."""
    if data is None:
        raise SetupError(
            "simulate clicks needs --data FILE: the clicks are not drawn; get the file from the UCI Machine Learning "
            'Repository, dataset 553, "Clickstream Data for Online Shopping"'
        )
    return data, read(data)[:sessions]


def simulation(settings: Settings, sessions: list[ClickSession], run: str) -> Simulation:
    """The sessions as visits of a site of their own. Raises SetupError."""
    timezone = sites_of(settings)[SITE].timezone
    if timezone != "UTC":
        raise SetupError(
            f"sites.{SITE}.timezone ({variable(f'sites.{SITE}.timezone')}) is {timezone}: the times of the clicks are "
            "invented for UTC, leave it so"
        )
    site = f"{SITE}~{run}"
    return Simulation(settings, site, [ClickVisit(site, session) for session in sessions])


def verify(settings: Settings, engine: Engine, simulation: Simulation, file: Path) -> int:
    """Compare both databases with the file; an exit code."""
    key = read_key(settings)
    return check.check("clicks", engine, simulation, file, "--api", stack.api_address(settings).url, key=key)
