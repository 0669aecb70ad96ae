"""Where a dead letter's record stands: log, topic, partition and offset, as one name. Pure."""

from typing import NamedTuple

from storage.errors import StorageError


class WrongPlaceError(StorageError, ValueError):
    """A text that names no place of a record."""


class LetterPlace(NamedTuple):
    """The place of the record that became a dead letter; `topic` is "events" for those that no session took."""

    log: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.log}:{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "LetterPlace":
        """The place of this name, which is the key of the letter on `events-dead`; raises WrongPlaceError."""
        parts = text.rsplit(":", 3)
        if len(parts) != 4 or not (parts[0] and parts[1] and _is_number(parts[2]) and _is_number(parts[3])):
            raise WrongPlaceError(f"{text[:100]!r} names no dead letter: it is log:topic:partition:offset")
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
