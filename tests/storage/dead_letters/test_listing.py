"""Lists of dead letters: filters, pages, what a key sees, and what became of each."""

from typing import Any

import pytest

from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.listing import DeadLetterListing
from storage.dead_letters.place import LetterPlace, WrongPlaceError
from storage.dead_letters.reads import DeadLetterReads, LetterFilter
from stream.scored import DeadLetter
from tests.support.events import NOON
from tests.support.operations import dead_letter, place_of, resent, write_letters

LETTERS = [
    dead_letter(1, "shop"),
    dead_letter(2, "other", "late", "arrived 11.0 minutes after it occurred"),
    dead_letter(3, "shop~run", "overflow", ""),
    dead_letter(4, "shop", "undecodable", "key is not shop/s4", raw=b'{"site":"other"}'),
    dead_letter(5, "shop", "undecodable", "no JSON", raw=b"\xff\xfe"),
    dead_letter(6, "shop", "undecodable", "no key", key=None),
    dead_letter(7, "shop", topic="scored-sessions", raw=b"{}"),
    dead_letter(1, "shop", partition=1),
]


def names(letters: list[DeadLetter]) -> list[str]:
    return [str(place_of(each)) for each in letters]


@pytest.fixture
def listing(databases: tuple[Any, Any]) -> DeadLetterListing:
    engine, client = databases
    write_letters(client, *LETTERS)
    return DeadLetterListing(DeadLetterReads(client), ResentLedger(engine), lambda: NOON)


def listed(listing: DeadLetterListing, state: str = "all", **chosen: Any) -> list[str]:
    page = listing.page(LetterFilter(**chosen), state, "", 100)  # type: ignore[arg-type]
    assert page.next == ""
    return [each.letter for each in page.letters]


def test_a_letter_is_of_the_site_that_its_key_and_its_text_agree_on(listing: DeadLetterListing) -> None:
    page = listing.page(LetterFilter(), "all", "", 100)
    sites = {each.letter: each.site for each in page.letters}
    assert [sites[name] for name in names(LETTERS)] == ["shop", "other", "shop~run", "", "shop", "", "shop", "shop"]
    assert (page.total, page.reasons) == (8, {"failed": 3, "late": 1, "overflow": 1, "undecodable": 3})
    assert [each.dead_at for each in page.letters] == [NOON + 1_000 * number for number in range(7, -1, -1)]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        pytest.param({}, [7, 6, 5, 4, 3, 2, 1, 0], id="all"),
        pytest.param({"site": "shop"}, [7, 6, 4, 2, 0], id="a site with its runs"),
        pytest.param({"sites": {"other"}}, [1], id="a key of one site"),
        pytest.param({"sites": {"shop"}}, [7, 6, 4, 2, 0], id="a key of one site sees no letter without one"),
        pytest.param({"sites": {"shop"}, "site": "other"}, [], id="another site by a key of one"),
        pytest.param({"sites": set()}, [], id="a key of no site"),
        pytest.param({"reason": "undecodable"}, [5, 4, 3], id="a reason"),
        pytest.param({"topic": "scored-sessions"}, [6], id="a topic"),
        pytest.param({"since": NOON + 2_000, "until": NOON + 4_000}, [3, 2], id="a time"),
        pytest.param({"text": "MINUTES"}, [1], id="a text of the detail"),
        pytest.param({"text": "other/s2"}, [1], id="a text of the key"),
        pytest.param({"text": "%' OR 1"}, [], id="a text that is no SQL"),
    ],
)
def test_filters(listing: DeadLetterListing, chosen: dict[str, Any], found: list[int]) -> None:
    assert listed(listing, **chosen) == [names(LETTERS)[number] for number in found]


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("state", ["all", "open", "sent"])
def test_pages_follow_each_other_without_a_gap(
    listing: DeadLetterListing, databases: tuple[Any, Any], state: str, limit: int
) -> None:
    for number, offset in enumerate((2, 5, 7)):
        ledger = ResentLedger(databases[0])
        ledger.claim(resent(offset, letter=names(LETTERS)[offset - 1], claimed_at=NOON + number))
    found, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        page = listing.page(LetterFilter(), state, cursor, limit)  # type: ignore[arg-type]
        found += [each.letter for each in page.letters]
        cursor, pages = page.next, pages + 1
        assert pages < 20
    sent = [names(LETTERS)[number] for number in (6, 4, 1)]
    everything = names(LETTERS)[::-1]
    assert found == {"all": everything, "sent": sent, "open": [each for each in everything if each not in sent]}[state]


def test_what_became_of_a_letter_stands_beside_it(listing: DeadLetterListing, databases: tuple[Any, Any]) -> None:
    sent = ResentLedger(databases[0]).claim(resent(1))
    page = listing.page(LetterFilter(site="shop", reason="failed", topic="events"), "all", "", 100)
    assert {each.letter: each.resent for each in page.letters} == {"log:events:0:1": sent, "log:events:1:1": None}
    assert listed(listing, "sent", sites={"other"}) == []


def test_one_letter_is_shown_whole_and_its_bytes_are_kept(listing: DeadLetterListing) -> None:
    found = listing.one(LetterPlace("log", "events", 0, 5))
    assert found is not None
    whole = listing.whole(*found)
    assert (found[0].raw, found[0].key) == (b"\xff\xfe", b"shop/s5")
    assert (whole.text, whole.is_text, whole.base64) == ("\\xff\\xfe", False, "//4=")
    assert (whole.draft, whole.key) == (None, "shop/s5")
    known = listing.one(LetterPlace("log", "events", 0, 1))
    assert known is not None
    assert (listing.whole(*known).draft or {})["session_id"] == "s1"
    keyless = listing.one(LetterPlace("log", "events", 0, 6))
    assert keyless is not None
    assert keyless[0].key is None
    assert listing.one(LetterPlace("log", "events", 5, 1)) is None


def test_a_cursor_of_another_kind_is_refused(listing: DeadLetterListing) -> None:
    with pytest.raises(WrongPlaceError):
        listing.page(LetterFilter(), "all", "log:events:0:1", 10)


def test_rows_of_before_there_were_times_and_sites_are_read_as_well(databases: tuple[Any, Any]) -> None:
    engine, client = databases
    client.command(
        "INSERT INTO dead_letters (log, topic, partition, offset, reason, detail, key, raw) VALUES "
        "('old', 'events', 0, 1, 'late', '', 'shop/s1', '{\"site\":\"shop\"}')"
    )
    (letter,) = (
        DeadLetterListing(DeadLetterReads(client), ResentLedger(engine), int)
        .page(LetterFilter(sites={"shop"}), "all", "", 10)
        .letters
    )
    assert (letter.letter, letter.dead_at, letter.site) == ("old:events:0:1", None, "shop")
