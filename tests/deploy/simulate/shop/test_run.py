"""The generated shop in the relational database: what differs from what was sent is said by count."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, delete, insert, update

from deploy.errors import SetupError
from deploy.settings.model import Settings
from deploy.simulate.shop.run import ShopSimulation, differences, simulation
from deploy.simulate.shop.shop import ShopParameters
from storage.database.tables import metadata, sessions


@pytest.fixture
def made(tmp_path: Path) -> ShopSimulation:
    return simulation(Settings(data_dir=tmp_path), ShopParameters(150, seed=5), "k3f9")


@pytest.fixture
def engine(made: ShopSimulation) -> Iterator[Engine]:
    """A database in which all has arrived."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for visit in made.visits:
            row = {column.name: example(column.type.python_type) for column in sessions.columns}
            row |= {"site": visit.site, "session_id": visit.session_id, "status": "closed"}
            row |= {"event_count": visit.event_count, "revenue": visit.bought}
            connection.execute(insert(sessions).values(row))
    yield engine
    engine.dispose()


def example(kind: type) -> object:
    return datetime(2026, 1, 1) if kind is datetime else kind()


def test_it_is_an_import_of_a_site_of_its_own(made: ShopSimulation) -> None:
    assert made.simulation.site == "generated~k3f9"
    assert (made.simulation.sessions, made.simulation.events) == (150, made.expected.events)
    assert all(event.clock == "replayed" for visit in made.visits for event in visit.events())


def test_what_has_arrived_whole_differs_in_nothing(made: ShopSimulation, engine: Engine) -> None:
    assert made.expected.buyers > 0
    assert differences(engine, made) == []


def test_a_missing_session_a_missing_buyer_and_missing_events_are_named(made: ShopSimulation, engine: Engine) -> None:
    buyer = next(visit for visit in made.visits if visit.bought)
    with engine.begin() as connection:
        connection.execute(update(sessions).where(sessions.c.session_id == buyer.session_id).values(revenue=False))
    sent = made.expected.buyers
    assert differences(engine, made) == [f"{sent} buyers were sent, {sent - 1} are in the database"]
    with engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.session_id == buyer.session_id))
    events = made.expected.events
    assert differences(engine, made) == [
        "150 sessions were sent, 149 are in the database",
        f"{sent} buyers were sent, {sent - 1} are in the database",
        f"{events:,} events were sent, {events - buyer.event_count:,} are in the database",
    ]


def test_a_database_that_cannot_be_read_is_one_line(made: ShopSimulation) -> None:
    empty = create_engine("sqlite://")
    with pytest.raises(SetupError, match=r"^the relational database cannot be read: .*: see storage\.url$"):
        differences(empty, made)
    empty.dispose()
