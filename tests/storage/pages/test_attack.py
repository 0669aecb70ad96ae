"""Sessions that anybody may send with a shop's public write key hardly move what its pages are worth."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext, event_of
from ingest.enrich import cut_address
from ingest.events import Event, Tick, UsePages
from ingest.parsing.agents import agent
from ingest.schemas import SentEvent, SentPage, SentPurchase
from scoring import registry
from storage.pages.refresh import Refreshed, Refresher
from storage.pages.tally import Tallies
from stream.fold.pages import PageAtVersion
from stream.step import score
from tests.storage.pages.test_refresh import Topic
from tests.support.events import NOON, event_id
from tests.support.log import folded, log_of, partition
from tests.support.replays import Shop, placed

HOUR = 3_600_000
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
GRANT = Grant(SiteAccess("shop"), "write", "shop")


class IngestedEvents:
    """Makes of what clients send the events that ingest appends to the log."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._ids = map(event_id, itertools.count(1))

    def view(self, session: str, at: int, path: str, address: str, user_agent: str = BROWSER) -> None:
        sent = SentEvent(type="page_view", session_id=session, page=SentPage(path, "ProductRelated"))
        self._add(sent, received_at=at, agent=agent(user_agent), ip=cut_address(address))

    def order(self, session: str, at: int, amount: float) -> None:
        """An order that the shop's own server signed."""
        bought = SentPurchase(amount, f"order-{session}", "EUR")
        self._add(SentEvent(type="purchase", session_id=session, purchase=bought), received_at=at, verified=True)

    def _add(self, sent: SentEvent, **given: Any) -> None:
        self.events.append(event_of(sent, "shop", None, SenderContext(GRANT, new_id=self._ids.__next__, **given)))


def genuine(ingest: IngestedEvents) -> None:
    """300 visits of as many networks within two hours: 240 see the cart, four of them first, and 60 buy for 160."""
    for visit in range(300):
        at, address = NOON + visit * 23_000, f"198.{18 + visit // 200}.{visit % 200}.7"
        pages = ["/", "/p/1", "/cart", "/checkout"] if visit < 60 else ["/", "/p/1", "/cart", "/p/2"]
        if visit >= 240:
            pages = ["/"] if visit % 3 else ["/", "/p/2"]
        elif visit % 60 == 59:
            pages = ["/cart"] if visit == 119 else ["/cart", "/p/2"]
        for place, path in enumerate(pages):
            ingest.view(f"visit-{visit}", at + place * 40_000, path, address)
        if visit < 60:
            ingest.order(f"visit-{visit}", at + 200_000, 160.0)


def attack(ingest: IngestedEvents, user_agent: str, networks: int) -> None:
    """4,000 sessions of the cart alone within a second."""
    for number in range(4_000):
        network = number % networks
        address = f"{20 + network // 62_500}.{network // 250 % 250}.{network % 250}.9"
        ingest.view(f"attack-{number}", NOON + HOUR + number // 4, "/cart", address, user_agent)


class Outcome(NamedTuple):
    """What a refresh did, the cart, and the probability of a visit that is in it."""

    refreshed: Refreshed
    cart: PageAtVersion
    probability: float


async def outcome(databases: tuple[Any, Any], refresher: Refresher, topic: Topic, events: Sequence[Event]) -> Outcome:
    """What stands once these events are folded, stored, counted and put in force."""
    said = sorted(events, key=lambda each: each.received_at)
    shop = Shop(*databases, placed([*said, Tick("live", NOON + 9 * HOUR)]))
    shop.lose()
    shop.live()
    refreshed = await refresher.refresh()
    version = refreshed.version
    visit = IngestedEvents()
    for place, path in enumerate(["/", "/p/1", "/cart"]):
        visit.view("honest", NOON + 10 * HOUR + place * 40_000, path, "192.0.2.7")
    found = folded(log_of([UsePages(version), *visit.events]), partition(statistics=topic.statistics))
    model = registry.load()
    (scored,) = score(found.updates, lambda _: model)
    cart = topic.statistics.page("shop", "/cart", "ProductRelated", version)
    return Outcome(refreshed, cart, scored[-1].record.probability)


@pytest.mark.parametrize(
    ("user_agent", "networks", "bounce", "value", "probability"),
    [(ROBOT, 4_000, 0.0, 0.0, 0.0), (BROWSER, 1, 0.1, 0.02, 0.03), (BROWSER, 4, 0.25, 0.05, 0.1)],
    ids=["a robot of many networks", "a browser of one network", "a browser of four networks"],
)
async def test_one_page_sessions_hardly_move_what_a_page_is_worth(
    databases: tuple[Any, Any], user_agent: str, networks: int, bounce: float, value: float, probability: float
) -> None:
    """The bounds are those of docs/replay.md: of the bounce rate, and parts of the value and of the probability."""
    before, after = await attacked(databases, user_agent, networks)
    assert before.cart.page_value > 37
    assert abs(after.cart.bounce_rate - before.cart.bounce_rate) <= bounce
    assert abs(after.cart.page_value - before.cart.page_value) <= value * before.cart.page_value
    assert abs(after.probability - before.probability) <= probability * before.probability


@pytest.mark.parametrize("networks", [20, 4_000])
async def test_an_attack_from_many_networks_is_held(databases: tuple[Any, Any], networks: int) -> None:
    before, after = await attacked(databases, BROWSER, networks)
    assert after.refreshed.held[0].path == "/cart"
    assert after.refreshed.written == 0
    assert (after.cart, after.probability) == (before.cart, before.probability)


async def attacked(databases: tuple[Any, Any], user_agent: str, networks: int) -> tuple[Outcome, Outcome]:
    """What stands before the attack, and after it."""
    topic, ingest = Topic(), IngestedEvents()
    refresher = Refresher(Tallies(databases[1]), topic.statistics, topic.caught_up, topic.put, lambda: NOON + 9 * HOUR)
    genuine(ingest)
    before = await outcome(databases, refresher, topic, ingest.events)
    attack(ingest, user_agent, networks)
    return before, await outcome(databases, refresher, topic, ingest.events)
