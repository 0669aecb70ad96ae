"""Which dead letters were sent again: one row for each, whoever asks how often."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from storage.admin.forget import Visitor, VisitorDatabases
from storage.dead_letters.ledger import ResentLedger, forget
from storage.dead_letters.place import LetterPlace
from storage.webhooks.database import transaction
from tests.support.events import NOON, event_id
from tests.support.operations import resent


@pytest.fixture
def engine(databases: tuple[Any, Any]) -> Engine:
    return databases[0]


def place(offset: int) -> LetterPlace:
    return LetterPlace("log", "events", 0, offset)


def test_of_many_who_claim_a_letter_at_once_one_has_it_and_all_get_its_row(engine: Engine) -> None:
    ledger = ResentLedger(engine)
    wanted = [resent(1, event_id=event_id(number), sent_by=f"anna {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ledger.claim, wanted))
    assert len({each.event_id for each in found}) == 1
    assert ledger.of([place(1)]) == {place(1): found[0]}
    assert found[0] in wanted


def test_what_was_sent_stays_sent_and_only_a_claim_is_given_free(engine: Engine) -> None:
    ledger = ResentLedger(engine)
    claimed = ledger.claim(resent(1))
    ledger.release(msgspec.structs.replace(claimed, event_id=event_id(7)))
    assert ledger.of([place(1)]), "a claim of another event is not ours to give free"
    ledger.release(claimed)
    assert ledger.of([place(1)]) == {}
    claimed = ledger.claim(resent(1))
    sent = ledger.mark_sent(claimed, event_id(9), NOON + 5)
    assert (sent.state, sent.event_id, sent.sent_at) == ("sent", event_id(9), NOON + 5)
    assert ledger.mark_sent(claimed, event_id(8), NOON + 9) == sent
    ledger.release(sent)
    assert ledger.claim(resent(1, sent_by="bert")) == sent
    # A claim that somebody gave free while another was being answered is noted all the same.
    lost = ledger.mark_sent(resent(2), event_id(2), NOON)
    assert ledger.of([place(1), place(2), place(3)]) == {place(1): sent, place(2): lost}


def test_what_was_sent_is_listed_newest_first_page_by_page(engine: Engine) -> None:
    ledger = ResentLedger(engine)
    for offset in (1, 2, 3):
        ledger.claim(resent(offset, claimed_at=NOON))
    newest = ledger.claim(resent(4, claimed_at=NOON + 1))
    first = ledger.newest(None, 2)
    assert [each.letter for each in first] == [newest.letter, "log:events:0:3"]
    rest = ledger.newest((NOON, place(3)), 10)
    assert [each.letter for each in rest] == ["log:events:0:2", "log:events:0:1"]


def test_a_visitor_is_forgotten_by_id_and_by_session(engine: Engine) -> None:
    ledger = ResentLedger(engine)
    ledger.claim(resent(1, visitor_id="v1"))
    ledger.claim(resent(2, visitor_id="v2"))
    ledger.claim(resent(3, visitor_id="v3", site="other", session_id="s2"))
    ledger.claim(resent(4, visitor_id="v4"))
    with transaction(engine) as connection:
        assert forget(connection, "shop", "v1", ["s2"]) == 2
    assert sorted(each.letter for each in ledger.newest(None, 10)) == ["log:events:0:3", "log:events:0:4"]


def test_an_erasure_takes_out_what_was_sent_again(databases: tuple[Any, Any]) -> None:
    ledger = ResentLedger(databases[0])
    for offset, visitor in ((1, "v1"), (2, "v2")):
        ledger.claim(resent(offset, visitor_id=visitor))
    VisitorDatabases(*databases).forget(Visitor("shop", "v1"), [])
    assert [each.visitor_id for each in ledger.newest(None, 10)] == ["v2"]


def test_an_event_longer_than_a_small_text_is_kept_whole(engine: Engine) -> None:
    long = msgspec.Raw(msgspec.json.encode({"type": "x" * 200_000}))
    ledger = ResentLedger(engine)
    assert bytes(ledger.claim(resent(1, event=long)).event) == bytes(long)
    assert partial(ledger.of, [place(1)])()[place(1)].sent_by == "anna"
