"""Which interventions go to a page: delivered ones, once, when it is known, and no older than two minutes."""

from typing import Any

import msgspec
import pytest

from storage.database.errors import DatabaseUnavailableError
from storage.interventions.firings import FiringOutcome, KeptFiring
from storage.live.page_messages import FIRST_LOOK, HANDOVER_MS, LONGEST_LOOK, PageMessage, PageMessages
from storage.query.intents import Intent, intent_of
from stream.scored import FiredIntervention
from tests.support.events import NOON
from tests.support.scored import scored


class Database:
    """What became of interventions, by name; `away`: it does not answer."""

    def __init__(self) -> None:
        self.known: dict[str, KeptFiring] = {}
        self.away = False
        self.asked: list[tuple[str, str, int]] = []

    def __call__(self, *of: Any) -> dict[str, KeptFiring]:
        self.asked.append(of)
        if self.away:
            raise DatabaseUnavailableError("away")
        return self.known


def intent(*fired: FiredIntervention, offset: int = 5, **given: Any) -> Intent:
    return intent_of(scored(offset, interventions=fired, **given))


def page(name: str = "help", at: int = NOON, action: str = "page", **given: Any) -> FiredIntervention:
    return FiredIntervention(name, action, at, 5, **given)


def message(name: str = "help", payload: str = "null", at: int = NOON) -> PageMessage:
    return PageMessage(name, NOON, at, msgspec.Raw(payload.encode()))


def test_one_goes_when_it_is_known_to_be_delivered_and_once() -> None:
    database = Database()
    messages = PageMessages(database)
    messages.note(intent(page()))
    assert messages.take(NOON) == []
    database.known = {"help": KeptFiring("delivered", '{"text":"hello"}')}
    assert messages.take(NOON + 300) == [message(payload='{"text":"hello"}')]
    messages.note(intent(page(), offset=6))
    assert (messages.take(NOON + 400), messages.pause) == ([], None)
    assert database.asked == [("default", "s1", NOON)] * 2


@pytest.mark.parametrize(
    ("fired", "outcome"),
    [
        pytest.param(page(), "held", id="held back"),
        pytest.param(page(held=True), "delivered", id="held back, as the record says"),
        pytest.param(page(), "capped", id="too many for the visitor"),
        pytest.param(page(action="webhook"), "delivered", id="for the shop's server"),
        pytest.param(page(at=NOON - HANDOVER_MS - 1), "delivered", id="too old"),
    ],
)
def test_what_never_goes_to_a_page(fired: FiredIntervention, outcome: FiringOutcome) -> None:
    database = Database()
    database.known = {"help": KeptFiring(outcome, "")}
    messages = PageMessages(database)
    messages.note(intent(fired))
    assert (messages.take(NOON), messages.pause) == ([], None)


def test_a_page_that_opens_late_gets_what_is_no_older_than_two_minutes_in_its_order() -> None:
    database = Database()
    database.known = {name: KeptFiring("delivered", "") for name in ("old", "first", "second")}
    messages = PageMessages(database)
    now = NOON + HANDOVER_MS
    messages.note(intent(page("old", NOON - 1), page("first", NOON), page("second", NOON + 1)))
    assert messages.take(now) == [message("first"), message("second", at=NOON + 1)]


def test_each_session_under_one_id_has_its_own() -> None:
    database = Database()
    database.known = {"help": KeptFiring("delivered", "")}
    messages = PageMessages(database)
    messages.note(intent(page()))
    assert len(messages.take(NOON)) == 1
    messages.note(intent(page(), opened_at=NOON + 5))
    assert [each.opened_at for each in messages.take(NOON)] == [NOON + 5]


def test_a_database_that_is_away_is_queried_more_slowly_each_time() -> None:
    database = Database()
    database.away = True
    messages = PageMessages(database)
    messages.note(intent(page()))
    pauses = []
    while messages.pause != LONGEST_LOOK:
        pauses.append(messages.pause)
        assert messages.take(NOON) == []
    assert pauses == [FIRST_LOOK * 2**n for n in range(len(pauses))]
    database.away, database.known = False, {"help": KeptFiring("delivered", "")}
    assert messages.take(NOON) == [message()]


def test_what_is_stopped_meanwhile_does_not_go() -> None:
    database = Database()
    database.known = {name: KeptFiring("delivered", "") for name in ("help", "coupon")}
    messages = PageMessages(database)
    messages.note(intent(page("help"), page("coupon")))
    assert messages.take(NOON, {"help"}) == [message("coupon")]
    assert (messages.take(NOON), messages.pause) == ([], None)
