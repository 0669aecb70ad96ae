"""The table `resent_letters`: which dead letters were sent again. One row for each, whoever asks how often. Blocking.

Raises DatabaseUnavailableError.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, or_, select, update

from storage.dead_letters.answers import ResentLetter
from storage.dead_letters.place import LetterPlace
from storage.dead_letters.tables import resent_letters
from storage.webhooks.database import insert_new, reading, transaction

_t = resent_letters.c
_PLACE = (_t.log, _t.topic, _t.kafka_partition, _t.kafka_offset)
#: Rows of one statement.
PIECE = 500
MOST_NAME = 100


class ResentLedger:
    """What was sent again, in the relational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, wanted: ResentLetter) -> ResentLetter:
        """The row of this letter: `wanted`, unless somebody was before us; then it is theirs that holds."""
        place = LetterPlace.parse(wanted.letter)
        with transaction(self._engine) as connection:
            insert_new(connection, resent_letters, [_row_of(place, wanted)])
            return _letter(connection.execute(select(resent_letters).where(_is(place))).mappings().one())

    def mark_sent(self, letter: ResentLetter, event_id: str, now: int) -> ResentLetter:
        """Note that the ingest API took it, as this event; harmless where that is noted already."""
        place = LetterPlace.parse(letter.letter)
        done = msgspec.structs.replace(letter, state="sent", event_id=event_id, sent_at=now)
        with transaction(self._engine) as connection:
            insert_new(connection, resent_letters, [_row_of(place, done)])
            connection.execute(
                update(resent_letters)
                .where(_is(place), _t.state != "sent")
                .values(state="sent", event_id=event_id, sent_at=now)
            )
            return _letter(connection.execute(select(resent_letters).where(_is(place))).mappings().one())

    def release(self, letter: ResentLetter) -> None:
        """Give the letter free again, which certainly was not taken; a row of another event stays."""
        place = LetterPlace.parse(letter.letter)
        with transaction(self._engine) as connection:
            connection.execute(
                delete(resent_letters).where(_is(place), _t.state == "sending", _t.event_id == letter.event_id)
            )

    def of(self, places: Sequence[LetterPlace]) -> dict[LetterPlace, ResentLetter]:
        """The rows of these letters, by place."""
        found: dict[LetterPlace, ResentLetter] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(places), PIECE):
                wanted = or_(*(_is(place) for place in places[start : start + PIECE]))
                for row in connection.execute(select(resent_letters).where(wanted)).mappings():
                    letter = _letter(row)
                    found[LetterPlace.parse(letter.letter)] = letter
        return found

    def newest(self, before: tuple[int, LetterPlace] | None, limit: int) -> list[ResentLetter]:
        """Letters that were sent again, the newest first; those behind `before`."""
        query = select(resent_letters).order_by(_t.claimed_at.desc(), *(each.desc() for each in _PLACE)).limit(limit)
        if before is not None:
            query = query.where(_before(*before))
        with reading(self._engine) as connection:
            return [_letter(row) for row in connection.execute(query).mappings()]


def forget(connection: Connection, site: str, visitor_id: str, session_ids: Collection[str]) -> int:
    """Delete what was sent again of a visitor of the site and of these sessions of it; how many rows they were."""
    about = or_(_t.visitor_id == visitor_id, _t.session_id.in_(session_ids))
    return connection.execute(delete(resent_letters).where(_t.site == site, about)).rowcount


def _before(at: int, place: LetterPlace) -> Any:
    """Rows after this one in the order of the list; spelled out, as MariaDB walks no index for tuples."""
    conditions: list[Any] = []
    equal: list[Any] = []
    for column, value in ((_t.claimed_at, at), *zip(_PLACE, place, strict=True)):
        conditions.append(and_(*equal, column < value))
        equal.append(column == value)
    return or_(*conditions)


def _is(place: LetterPlace) -> Any:
    return and_(*(column == value for column, value in zip(_PLACE, place, strict=True)))


def _row_of(place: LetterPlace, letter: ResentLetter) -> dict[str, Any]:
    log, topic, partition, offset = place
    return {
        "log": log,
        "topic": topic,
        "kafka_partition": partition,
        "kafka_offset": offset,
        "state": letter.state,
        "event_id": letter.event_id,
        "site": letter.site,
        "session_id": letter.session_id,
        "visitor_id": letter.visitor_id,
        "body": bytes(letter.event).decode(),
        "sent_by": letter.sent_by[:MOST_NAME],
        "claimed_at": letter.claimed_at,
        "sent_at": letter.sent_at,
    }


def _letter(row: Any) -> ResentLetter:
    place = LetterPlace(row["log"], row["topic"], row["kafka_partition"], row["kafka_offset"])
    return ResentLetter(
        letter=str(place),
        state=row["state"],
        event_id=row["event_id"],
        site=row["site"],
        session_id=row["session_id"],
        visitor_id=row["visitor_id"],
        event=msgspec.Raw(row["body"].encode()),
        sent_by=row["sent_by"],
        claimed_at=row["claimed_at"],
        sent_at=row["sent_at"],
    )
