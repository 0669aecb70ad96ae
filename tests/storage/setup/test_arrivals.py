"""How often the timeline is read for arrivals: seldom where that takes long, for each caller's sites by themselves."""

from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from storage.http.errors import ReadError
from storage.setup.answers import SiteArrivals
from storage.setup.arrivals import KEPT_FOR, Arrivals


class SlowClient:
    """A client whose every query takes two seconds."""

    def __init__(self) -> None:
        self.at = 0.0
        self.queries: list[dict[str, Any]] = []

    def query(self, text: str, given: dict[str, Any]) -> Any:
        self.at += 2.0
        self.queries.append(given)
        return SimpleNamespace(result_rows=[("shop", 1, len(self.queries))])


def test_an_answer_is_kept_by_what_it_cost() -> None:
    client = SlowClient()
    arrivals = Arrivals(client, lambda: client.at)
    assert arrivals.of("shop", None) == [SiteArrivals("shop", 1, 1)]
    client.at += 2.0 * KEPT_FOR - 0.1
    assert arrivals.of("shop", None) == [SiteArrivals("shop", 1, 1)]
    client.at += 0.1
    assert arrivals.of("shop", None) == [SiteArrivals("shop", 1, 2)]


def test_the_answer_of_one_key_is_not_that_of_another() -> None:
    client = SlowClient()
    arrivals = Arrivals(client, lambda: client.at)
    for sites in (None, {"shop"}, {"other"}):
        arrivals.of("", sites)
    assert [given.get("seen_sites") for given in client.queries] == [None, ["shop"], ["other"]]


def test_a_database_that_is_away_is_tried_again() -> None:
    class AwayClient:
        def query(self, *_: Any) -> Any:
            raise DatabaseError("gone")

    with pytest.raises(ReadError, match="ClickHouse does not answer: gone") as away:
        Arrivals(AwayClient()).of("shop", None)
    assert (away.value.code, away.value.retry_after) == ("unavailable", 2)
