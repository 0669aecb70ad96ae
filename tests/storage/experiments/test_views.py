"""The views that experiment platforms read, and the SQL of docs/growthbook.md, beside a recount of the log."""

import re
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from ingest.commerce import Commerce
from ingest.events import Control, Event, Purchase, UseExperiments
from scoring.model import ConstantModel
from stream.experiments.assignment import bucket
from tests.support.events import NOON, event
from tests.support.experiments import SALT, defined, experiment
from tests.support.replays import Shop, placed

DOCUMENT = Path(__file__).parents[3] / "docs" / "growthbook.md"
STATEMENTS = [each.strip() for each in re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.S)]
VISITORS, MINUTE = 60, 60_000


def arm_of(visitor: str) -> str:
    return "control" if bucket(SALT, visitor) < 5_000 else "treatment"


def buys(number: int) -> bool:
    return number % 3 == 0


def log_of_visitors() -> list[Event | Control]:
    """Visitors of two views each, the second one shows the arm; every third buys, every sixth gets some or all back."""
    said: list[Event | Control] = [UseExperiments(1)]
    count = 0

    def add(number: int, at: int, kind: str, **given: Any) -> None:
        nonlocal count
        count += 1
        of = {"visitor_id": f"v{number}", "session_id": f"s{number}", "type": kind}
        said.append(event(count, at, **(of | given)))

    for number in range(VISITORS):
        at = NOON + number * 1_000
        for view in range(2):
            add(number, at + view * MINUTE, "page_view", flags=("bot",) if number == 1 else ())
        if not buys(number):
            continue
        order = Purchase(10.0 + number, f"o{number}", "EUR", verified=True)
        add(number, at + 2 * MINUTE, "purchase", purchase=order)
        # The same order once more, by the browser and by the shop in a later session.
        add(number, at + 3 * MINUTE, "purchase", purchase=Purchase(1.0, f"o{number}", "EUR"))
        add(number, at + 120 * MINUTE, "purchase", purchase=order, session_id=f"later{number}")
        if number % 6 == 0:
            value = None if number % 12 == 0 else 4.0
            refund = Commerce("refund", value, "EUR", order_id=f"o{number}", verified=True)
            add(number, at + 121 * MINUTE, "commerce", commerce=refund, session_id=f"later{number}")
        add(number, at + 122 * MINUTE, "purchase", purchase=Purchase(99.0, f"p{number}"), session_id=f"later{number}")
    said[1:] = sorted(said[1:], key=lambda each: each.received_at if isinstance(each, Event) else 0)
    return said


def test_the_statements_of_the_document_give_what_the_log_has(databases: tuple[Any, Any]) -> None:
    chat = defined([experiment(audience="page_views >= 2")])
    shop = Shop(*databases, placed(log_of_visitors()), {"": ConstantModel()}.__getitem__, experiments=chat)
    shop.live()
    selects = [each for each in STATEMENTS if each.startswith("SELECT")]
    assert len(selects) == 4
    exposures, buyers, revenue, sessions = (shop.client.query(each).result_rows for each in selects)
    people = [number for number in range(VISITORS) if number != 1]
    assert {(row[0], row[2], row[3]) for row in exposures} == {(f"v{n}", "chat", arm_of(f"v{n}")) for n in people}
    assert len(exposures) == len(people)
    exposed = {row[0]: row[1].timestamp() * 1000 for row in exposures}
    assert exposed == {f"v{n}": NOON + n * 1_000 + MINUTE for n in people}
    bought = [number for number in people if buys(number)]
    assert sorted(row[0] for row in buyers) == sorted(f"v{n}" for n in bought if n % 12)
    left = {f"v{n}": (0.0 if n % 12 == 0 else 6.0 + n if n % 6 == 0 else 10.0 + n) for n in bought}
    assert {row[0]: row[2] for row in revenue} == left
    assert len(revenue) == len(bought)
    later = sum(1 for number in bought)
    assert len(sessions) == len(people) + later
    assert {row[1].timestamp() * 1000 for row in buyers} == {NOON + n * 1_000 + 2 * MINUTE for n in bought if n % 12}


def test_a_row_that_is_void_or_written_twice_is_not_seen(databases: tuple[Any, Any]) -> None:
    chat = defined([experiment()])
    shop = Shop(*databases, placed(log_of_visitors()[:11]), {"": ConstantModel()}.__getitem__, experiments=chat)
    shop.live()
    shop.live()
    count = "SELECT count() FROM experiment_exposures"
    [[before]] = shop.client.query(count).result_rows
    assert before > 3
    shop.client.command(
        "INSERT INTO scored_sessions SELECT * REPLACE(true AS void, 1 AS backfill) FROM scored_sessions "
        "WHERE session_id = 's2'"
    )
    assert shop.client.query(count).result_rows == [(before - 1,)]


def test_the_embedded_engine_makes_no_user(shared: tuple[Any, Any]) -> None:
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        shared[1].command("CREATE USER experiments_reader IDENTIFIED BY 'a password' SETTINGS readonly = 2")


@pytest.mark.parametrize("statement", [one for each in STATEMENTS for one in each.split(";") if one.strip()])
def test_every_statement_is_one_of_the_engine(shared: tuple[Any, Any], statement: str) -> None:
    # A command: a query would have its FORMAT explained.
    assert "Query" in str(shared[1].command(f"EXPLAIN AST {statement.strip()}"))
