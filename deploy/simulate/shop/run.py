"""The generated shop as a simulation of the running system: which sessions, on which site, and whether all arrived."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Engine, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from deploy.errors import SetupError
from deploy.settings.model import Settings
from deploy.simulate.run import Simulation
from deploy.simulate.shop.shop import SITE, ShopParameters, visits
from deploy.simulate.shop.visit import ShopVisit
from deploy.wiring.calendars import calendars
from storage.database.tables import sessions


class ShopCounts(Struct, frozen=True):
    """Of a site: sessions, those that bought, and the events in them."""

    sessions: int
    buyers: int
    events: int


class ShopSimulation(Struct, frozen=True):
    """What is to be sent, and what must come of it."""

    simulation: Simulation
    visits: Sequence[ShopVisit]
    expected: ShopCounts


def simulation(settings: Settings, wanted: ShopParameters, run: str) -> ShopSimulation:
    """The sessions as visits of an imported site of their own; raises SetupError for facts that no shop has."""
    site = f"{SITE}~{run}"
    made = visits(wanted, site, calendars(settings).of(site))
    return ShopSimulation(Simulation(settings, site, made), made, _counts(made))


def differences(engine: Engine, made: ShopSimulation) -> list[str]:
    """A line for each count that differs in the relational database; raises SetupError where it cannot be read."""
    buyers = func.coalesce(func.sum(case((sessions.c.revenue, 1), else_=0)), 0)
    events = func.coalesce(func.sum(sessions.c.event_count), 0)
    site = made.simulation.site
    try:
        with engine.connect() as connection:
            query = select(func.count(), buyers, events).select_from(sessions).where(sessions.c.site == site)
            row = connection.execute(query).one()
    except SQLAlchemyError as error:
        reason = str(error).partition("\n")[0]
        raise SetupError(f"the relational database cannot be read: {reason}: see storage.url") from error
    stored = ShopCounts(*map(int, row))
    return [
        f"{getattr(made.expected, name):,} {name} were sent, {getattr(stored, name):,} are in the database"
        for name in ShopCounts.__struct_fields__
        if getattr(made.expected, name) != getattr(stored, name)
    ]


def _counts(made: Sequence[ShopVisit]) -> ShopCounts:
    return ShopCounts(len(made), sum(visit.bought for visit in made), sum(visit.event_count for visit in made))
