"""Pages counted in ClickHouse are what a slow recount gives; a refresh writes what moved, and nothing otherwise."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from ingest.events import Event, Page, Purchase, Tick
from storage.pages.refresh import TRAILING_MS, Refreshed, Refresher, VersionError
from storage.pages.smooth import FEW
from storage.pages.tally import Tallies, Tally
from stream.fold.pages import BY_HAND, PageRow, PagesMarker, PageStatistics, decode, encode
from stream.fold.path_patterns import PathPatterns
from tests.support.events import NOON, event
from tests.support.replays import Shop, placed
from tests.support.sinks import CLICKHOUSES, sql

HOUR = 3_600_000


@pytest.fixture(scope="module", params=CLICKHOUSES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with CLICKHOUSES[request.param](tmp_path_factory.mktemp("pages") / "clickhouse") as made:
        yield made


def visits(site: str, seed: int, sessions: int = 60) -> list[Event]:
    """Visits of a site, some with a purchase in their middle; of one session each."""
    chance = random.Random(seed)
    events, number = [], seed * 10_000
    for session in range(sessions):
        at = NOON + chance.randrange(5 * HOUR)
        for _ in range(chance.randrange(1, 7)):
            number, at = number + 1, at + chance.randrange(1_000, 60_000)
            page = Page(f"/p/{chance.randrange(5)}", "ProductRelated")
            name = f"s{session}"
            events.append(event(number, at, site=site, session_id=name, page=page))
            if chance.random() < 0.15:
                number, at = number + 1, at + 500
                bought = Purchase(float(chance.randrange(5, 90)), f"o{session}", verified=chance.random() < 0.8)
                events.append(event(number, at, site=site, session_id=name, type="purchase", purchase=bought))
    return events


def recount(events: Sequence[Event]) -> list[Tally]:
    """The slow and obvious way, sharing no code with the query."""
    sessions: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for each in sorted(events, key=lambda e: (e.occurred_at, e.event_id)):
        sessions[each.site, each.session_id].append(each)
    counts: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * 6)
    for (site, _), told in sessions.items():
        views = [each for each in told if each.page is not None]
        orders = [each for each in told if each.purchase is not None]
        amount = {each.purchase.order_id: each.purchase.amount for each in reversed(orders) if each.purchase.verified}  # type: ignore[union-attr]
        for path in {each.page.path for each in views if each.page}:
            mine = [each for each in views if each.page and each.page.path == path]
            row = counts[site, path]
            row[0] += len(mine)
            row[1] += 1
            row[2] += views[0] in mine
            row[3] += views[-1] in mine
            row[4] += len(views) == 1
            if orders and mine[0].occurred_at <= orders[-1].occurred_at:
                row[5] += sum(amount.values())
    return [Tally(*place, *map(int, row[:5]), row[5]) for place, row in sorted(counts.items())]


def test_the_query_counts_what_a_slow_recount_counts(client: Any, tmp_path: Any) -> None:
    events = visits("a", 1) + visits("b", 2) + visits("c~run", 3)
    still_open = event(1, NOON + 40 * HOUR, site="a", session_id="open")
    told = sorted(events, key=lambda each: each.received_at)
    with sql(f"sqlite:///{tmp_path / 'db'}") as engine:
        shop = Shop(engine, client, placed([*told, Tick("live", NOON + 39 * HOUR), still_open]))
        shop.lose(relational=False)
        shop.live()
    expected = recount([each for each in events if each.site != "c~run"])
    assert sum(tally.value for tally in expected) > 0
    found = Tallies(client).since(0)
    assert found == expected
    assert Tallies(client).since(0, "b") == [tally for tally in expected if tally.site == "b"]
    assert Tallies(client).since(NOON + 50 * HOUR) == []


class Topic:
    """The page statistics' topic: puts a version where the statistics read it."""

    def __init__(self) -> None:
        self.statistics = PageStatistics()
        self.puts: list[list[PageRow]] = []
        self._offset = 0

    async def caught_up(self) -> None: ...

    async def put(self, rows: Sequence[PageRow], marker: PagesMarker = BY_HAND) -> int:
        self.puts.append(list(rows))
        for row in rows:
            self.statistics.read(self._next(), msgspec.structs.replace(row, batch=str(len(self.puts))))
        version = self._next()
        ends = msgspec.structs.replace(marker, batch=str(len(self.puts)), rows=len(rows))
        self.statistics.read(version, decode(encode(ends)))
        return version

    def _next(self) -> int:
        self._offset += 1
        return self._offset - 1


class FakeTallies:
    """Tallies as given."""

    def __init__(self, *tallies: Tally) -> None:
        self.tallies = list(tallies)
        self.asked: list[int] = []
        self.recounted: list[int] = []
        self.given: dict[str, PathPatterns] = {}

    def patterns(self) -> dict[str, PathPatterns]:
        return self.given

    def recount(self, opened_at: int) -> None:
        self.recounted.append(opened_at)

    def since(self, opened_at: int, site: str = "") -> list[Tally]:
        self.asked.append(opened_at)
        return [tally for tally in self.tallies if site in ("", tally.site)]


PAGE = Tally("shop", "/a", 200, 100, 100, 50, 20, 300.0)


async def test_a_refresh_writes_what_moved_and_nothing_twice() -> None:
    topic, counted = Topic(), FakeTallies(PAGE)
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS + 5)  # type: ignore[arg-type]
    first = await refresher.refresh()
    assert (first.pages, first.written) == (1, 2)
    assert counted.asked == [5]
    again = await refresher.refresh()
    assert (again.version, again.written) == (first.version, 0)
    counted.tallies.append(Tally("shop", "/b", FEW, FEW, 0, 1, 0, 0.0))
    counted.tallies.append(Tally("shop", "/few", FEW - 1, FEW - 1, 0, 1, 0, 0.0))
    more = await refresher.refresh()
    assert more.version > first.version
    paths = {row.path for row in topic.puts[-1]}
    assert "/b" in paths
    assert "/few" not in paths
    assert counted.recounted == []
    counted.tallies.pop(0)
    whole = await refresher.refresh(whole=True)
    assert counted.recounted == [5]
    assert {(row.path, row.shared) for row in topic.puts[-1]} == {("/a", True), ("/b", False), ("*", False)}
    assert whole.written == 3
    page = topic.statistics.page("shop", "/a", None, whole.version)
    assert page.exit_rate == topic.statistics.page("shop", "/nobody", None, whole.version).exit_rate


async def test_paths_of_a_pattern_are_one_page_and_their_own_statistics_end() -> None:
    topic, counted = Topic(), FakeTallies(Tally("shop", "/order/1", 200, 100, 100, 50, 20, 300.0))
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS)  # type: ignore[arg-type]
    await refresher.refresh()
    counted.given = {"shop": PathPatterns(["/order/*"])}
    counted.tallies = [Tally("shop", "/order/*", 400, 200, 200, 100, 40, 600.0)]
    version = (await refresher.refresh()).version
    assert {(row.path, row.pattern, row.shared) for row in topic.puts[-1]} == {
        ("/order/1", False, True),
        ("/order/*", True, False),
        # Its sessions have doubled.
        ("*", False, False),
    }
    pages = topic.statistics
    assert ("shop", "/order/1") not in pages.rows(version)
    assert pages.page("shop", "/order/7", None, version).page_value == 3.0
    assert (await refresher.explain("shop", "/order/7")).tally.path == "/order/*"
    counted.given = {}
    counted.tallies = [Tally("shop", "/order/1", 200, 100, 100, 50, 20, 600.0)]
    version = (await refresher.refresh()).version
    assert pages.page("shop", "/order/1", None, version).page_value == 6.0
    assert pages.page("shop", "/order/7", None, version).page_value == 6.0
    assert pages.rows(version).keys() == {("shop", "/order/1"), ("shop", "*")}


async def test_show_and_explain_state_what_is_in_force_and_why() -> None:
    topic, counted = Topic(), FakeTallies(PAGE)
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS)  # type: ignore[arg-type]
    before = await refresher.explain("shop", "/a")
    assert (before.tally, before.in_force) == (PAGE, None)
    version = (await refresher.refresh()).version
    found = await refresher.show("shop", None)
    assert found.version == version
    assert [page.path for page in found.pages] == ["*", "/a"] or [page.path for page in found.pages] == ["/a", "*"]
    assert (await refresher.show("", 0)).pages == []
    after = await refresher.explain("shop", "/a")
    assert after.in_force == after.computed
    unknown = await refresher.explain("shop", "/nobody")
    assert unknown.tally.views == 0
    assert unknown.in_force is not None
    assert unknown.in_force.path == "*"


async def test_a_version_that_is_put_back_stays_until_it_is_released() -> None:
    topic, counted = Topic(), FakeTallies(PAGE)
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS, most_moved=1.0)  # type: ignore[arg-type]
    good = (await refresher.refresh()).version
    counted.tallies = [
        Tally("shop", "/a", 4_000, 4_000, 4_000, 4_000, 4_000, 300.0),
        Tally("shop", "/b", *[99] * 5, 0.0),
    ]
    bad = (await refresher.refresh()).version
    back = await refresher.restore(good)
    assert back.version > bad
    assert topic.statistics.rows(back.version) == topic.statistics.rows(good)
    assert topic.statistics.rows(bad) != topic.statistics.rows(good)
    for whole in (False, True):
        assert await refresher.refresh(whole) == Refreshed(back.version, 0, 0, pinned=True)
    released = await refresher.refresh(release=True)
    assert topic.statistics.rows(released.version) == topic.statistics.rows(bad)
    assert not (await refresher.refresh()).pinned
    same = await refresher.restore(released.version)
    assert (same.written, same.pinned, topic.statistics.pinned) == (0, True, True)
    assert (await refresher.refresh(release=True)).written == 0
    assert not topic.statistics.pinned
    for version in (0, 9_999):
        with pytest.raises(VersionError, match=f"there is no version {version} of page statistics"):
            await refresher.restore(version)


#: A refresh's version of a page, and what comes after it; whether that is held.
BEFORE = Tally("shop", "/a", 400, 200, 100, 50, 20, 2_000.0)
AFTER = {
    "one-page sessions": (Tally("shop", "/a", 4_400, 4_200, 4_100, 4_050, 4_020, 2_000.0), "exit_rate"),
    "entrances": (Tally("shop", "/a", 900, 700, 600, 150, 520, 2_000.0), "bounce_rate"),
    "sessions that go on": (Tally("shop", "/a", 4_400, 4_200, 100, 50, 20, 2_000.0), "page_value"),
    "exits": (Tally("shop", "/a", 900, 700, 100, 550, 20, 2_000.0), "exit_rate"),
    "sales": (Tally("shop", "/a", 4_400, 4_200, 2_000, 1_000, 400, 400_000.0), ""),
    "more of the same": (Tally("shop", "/a", 8_000, 4_000, 2_000, 1_000, 400, 40_000.0), ""),
    "what left the count": (Tally("shop", "/a", 200, 100, 100, 100, 100, 0.0), ""),
    "a bit": (Tally("shop", "/a", 430, 230, 130, 80, 50, 2_000.0), ""),
}
OTHERS = (Tally("shop", "/b", 900, 900, 400, 300, 100, 900.0), Tally("other", "/a", 200, 100, 100, 50, 20, 300.0))


@pytest.mark.parametrize("name", AFTER)
async def test_a_refresh_holds_what_moves_a_well_visited_page_too_far(name: str) -> None:
    after, rate = AFTER[name]
    topic, counted = Topic(), FakeTallies(BEFORE, *OTHERS)
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS)  # type: ignore[arg-type]
    await refresher.refresh()
    counted.tallies = [after, *OTHERS]
    found = await refresher.refresh()
    assert [(each.site, each.path, each.rate) for each in found.held] == ([("shop", "/a", rate)] if rate else [])
    assert {row.site for row in topic.puts[-1]} == (set() if rate else {"shop"})


async def test_what_is_held_stays_until_somebody_releases_it(caplog: pytest.LogCaptureFixture) -> None:
    topic, counted, now = Topic(), FakeTallies(BEFORE, *OTHERS), [TRAILING_MS]
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: now[0])  # type: ignore[arg-type]
    good = (await refresher.refresh()).version
    sent = AFTER["one-page sessions"][0]
    counted.tallies = [sent, OTHERS[0], Tally("other", "/a", 210, 110, 105, 60, 25, 500.0)]
    held = (await refresher.refresh()).held
    # The other site's statistics are in force.
    assert {row.site for row in topic.puts[-1]} == {"other"}
    line = (
        "page statistics of shop are held: the exit rate of /a would go from 0.1319 to 0.92, its sessions from 200 to "
        "4,200: if they are genuine, `opecom pages release --site shop` puts them in force"
    )
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [line]
    assert (await refresher.show("", None)).held == held
    assert (await refresher.show("other", None)).held == ()
    puts = len(topic.puts)
    for whole in (False, True, False):
        now[0] += 30 * HOUR
        # Another writer, which begins here, holds it too and says nothing again.
        again = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: now[0])  # type: ignore[arg-type]
        assert (await again.refresh(whole)).held == held
        assert (await again.refresh(release=True, site="other")).held == held
    assert {row.site for rows in topic.puts[puts:] for row in rows} == {"other"}
    assert topic.statistics.rows(topic.statistics.version, "shop") == topic.statistics.rows(good, "shop")
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    released = await refresher.refresh(release=True, site="shop")
    assert (released.held, topic.statistics.held) == ((), ())
    assert topic.statistics.page("shop", "/a", None, released.version).bounce_rate > 0.9
    counted.tallies[0] = msgspec.structs.replace(sent, value=3_000.0)
    assert (await refresher.refresh()).held == ()


async def test_what_goes_back_by_itself_is_held_no_longer() -> None:
    topic, counted = Topic(), FakeTallies(BEFORE, *OTHERS)
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: TRAILING_MS)  # type: ignore[arg-type]
    await refresher.refresh()
    counted.tallies[0] = AFTER["one-page sessions"][0]
    assert (await refresher.refresh()).held
    counted.tallies[0] = BEFORE
    assert ((await refresher.refresh()).held, topic.statistics.held) == ((), ())


async def test_small_steps_within_a_day_are_one_move() -> None:
    """Whether refreshes are hourly or every minute, a page moves by the same bound in a day."""
    topic, counted, now = Topic(), FakeTallies(BEFORE, *OTHERS), [TRAILING_MS]
    refresher = Refresher(counted, topic.statistics, topic.caught_up, topic.put, lambda: now[0])  # type: ignore[arg-type]
    await refresher.refresh()
    before = topic.statistics.page("shop", "/a", None, topic.statistics.version).bounce_rate
    for sent in range(10, 1_000, 10):
        now[0] += 60_000
        counted.tallies[0] = Tally("shop", "/a", 400 + sent, 200 + sent, 100 + sent, 50 + sent, 20 + sent, 2_000.0)
        await refresher.refresh()
    after = topic.statistics.page("shop", "/a", None, topic.statistics.version).bounce_rate
    assert 0.25 < after - before <= 0.3
    assert topic.statistics.held


async def test_nothing_is_held_where_the_settings_turn_it_off() -> None:
    topic, counted = Topic(), FakeTallies(BEFORE, *OTHERS)
    put = topic.put
    refresher = Refresher(counted, topic.statistics, topic.caught_up, put, lambda: TRAILING_MS, most_moved=1.0)  # type: ignore[arg-type]
    await refresher.refresh()
    for after, _ in AFTER.values():
        counted.tallies[0] = after
        assert (await refresher.refresh()).held == ()
