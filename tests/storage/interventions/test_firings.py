"""What becomes of interventions that fired: each once, held back, or too many for the visitor; in one transaction."""

import msgspec
import pytest
from sqlalchemy import Engine

from storage.interventions.firings import KeptFiring, counts, firings_of, forget_old_firings
from storage.webhooks import bands
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import by_site
from storage.webhooks.forget import forget
from stream.scored import FiredIntervention, ScoredSession, without_payload
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import kept, webhook

HOUR = 3_600_000
WANTING = webhook(wanted=("interventions",))
HOOKS = by_site([WANTING, webhook(id="wh_two", wanted=("low",))])


def fired(offset: int, name: str = "help", action: str = "webhook", **given: object) -> FiredIntervention:
    whole = {"fired_at": NOON + offset, "payload": '{"text":"hello"}'} | given
    return FiredIntervention(name, action, offset=offset, **whole)  # type: ignore[arg-type]


def update(offset: int, *interventions: FiredIntervention, **given: object) -> ScoredSession:
    return scored(offset, interventions=interventions, band="low", **given)


def move(engine: Engine, *updates: ScoredSession, partition: int = 0, hooks: object = HOOKS) -> int:
    place = bands.places(engine, "log").get(partition, PartitionPosition())
    read = {partition: ReadBatch(place, place.next + len(updates), NOON, updates)}
    return bands.move(engine, "log", read, hooks, NOON).crossings  # type: ignore[arg-type]


def test_one_that_fires_is_delivered_once_to_whom_wants_interventions(engine: Engine) -> None:
    first = fired(5)
    assert move(engine, update(5, first), update(6, first), update(5, first)) == 1
    assert move(engine, update(7, first), update(7, first)) == 0
    [delivery] = kept(engine).values()
    assert (delivery.webhook_id, delivery.kind, delivery.visitor_id) == ("wh_one", "session.intervention", "v1")
    data = msgspec.json.decode(delivery.body)["data"]
    assert (data["intervention"], data["payload"], data["fired_at"]) == ("help", {"text": "hello"}, NOON + 5)
    assert counts(engine, "default", "help") == {"delivered": 1}


def test_a_webhook_that_names_no_interventions_gets_none_and_they_are_counted(engine: Engine) -> None:
    assert move(engine, update(5, fired(5)), hooks=by_site([webhook()])) == 0
    assert move(engine, update(6, fired(6), session_id="s2"), hooks={}) == 0
    assert kept(engine) == {}
    assert counts(engine, "default", "help") == {"delivered": 2}


def test_one_for_the_page_goes_to_no_webhook_and_its_payload_is_kept(engine: Engine) -> None:
    first, second = fired(5, action="page"), fired(6, "bye", action="page", held=True)
    assert move(engine, update(5, first), update(6, without_payload(first), second)) == 0
    assert move(engine, update(7, fired(7, action="page"), session_id="s2")) == 0
    assert kept(engine) == {}
    assert firings_of(engine, "default", "s1", NOON) == {
        "help": KeptFiring("delivered", '{"text":"hello"}'),
        "bye": KeptFiring("held", ""),
    }
    assert firings_of(engine, "default", "s1", NOON + 1) == {}
    assert counts(engine, "default", "help") == {"delivered": 2}


def test_what_an_experiment_holds_back_is_recorded(engine: Engine) -> None:
    assert move(engine, update(5, fired(5, held=True))) == 0
    assert (kept(engine), counts(engine, "default", "help")) == ({}, {"held": 1})


@pytest.mark.parametrize(
    ("limits", "outcomes"),
    [
        pytest.param({}, [1, 1, 1], id="no limit"),
        pytest.param({"visitor_cap": 2}, [1, 1, 0], id="a cap"),
        pytest.param({"visitor_cooldown_seconds": 7_200}, [1, 0, 1], id="a cooldown"),
    ],
)
def test_a_visitor_meets_it_so_often_over_all_sessions(
    engine: Engine, limits: dict[str, int], outcomes: list[int]
) -> None:
    """The sessions lie in partitions of their own."""
    made = [
        move(
            engine,
            update(5, fired(5, fired_at=NOON + number * HOUR, **limits), session_id=f"s{number}"),
            partition=number,
        )
        for number in range(3)
    ]
    assert made == outcomes
    other = update(5, fired(5, fired_at=NOON + 3 * HOUR, **limits), session_id="s9", visitor_id="v2")
    assert move(engine, other, partition=3) == 1


def test_a_step_that_fails_keeps_nothing_of_what_fired(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(bands, "_move_reported", fail)
        with pytest.raises(OSError, match="killed"):
            move(engine, update(5, fired(5)))
    assert (kept(engine), counts(engine, "default", "help")) == ({}, {})
    assert move(engine, update(5, fired(5))) == 1


def test_a_visitor_is_forgotten_and_so_is_what_is_old(engine: Engine) -> None:
    move(engine, update(5, fired(5)), update(6, fired(6), session_id="s2", visitor_id="v2"))
    with engine.begin() as connection:
        forget(connection, "default", "v1", ["s1"])
    assert counts(engine, "default", "help") == {"delivered": 1}
    assert forget_old_firings(engine, NOON + 6) == 0
    assert forget_old_firings(engine, NOON + 7) == 1
