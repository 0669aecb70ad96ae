"""What the spool has to know of the log that it is drained into: which life of it this is, and what is safe already.

A log on Apache Kafka is durable: what it acknowledged may leave the spool. A broker in memory ends with its machine:
what it acknowledged stays in the spool until another store has it too, and is sent again into the log that follows.
"""

import sys
from typing import Protocol

from ingest.publish import Record


class EventStore(Protocol):
    """What of the `events` log is safe without the spool."""

    def generation(self) -> str:
        """A name of this life of the log, cheap to ask for; "" while it is being filled: nothing may be appended then.

        Under another name the log has what is stored and nothing else that it acknowledged before: all that is not
        stored is sent again. Offsets go on over all lives.
        """

    def settled(self, partition: int) -> int:
        """The offset after the last record that is stored: what the log acknowledged below it may leave the spool."""

    async def stored_tail(self, partition: int) -> Record | None:
        """Key and value of the last stored record of the partition that came from ingest, None where there is none.

        Asked once for each life of the log, after its name is known. Raises LogUnavailableError where it cannot be read
        now.
        """


class DurableLog:
    """A log that keeps what it acknowledged: nothing else has to store it."""

    def generation(self) -> str:
        return "durable"

    def settled(self, partition: int) -> int:
        return sys.maxsize

    async def stored_tail(self, partition: int) -> Record | None:
        return None


class ListEventStore:
    """A store in memory for tests: what it has of each partition, which life of the log it is, whether it is filled."""

    def __init__(self, partitions: int = 4, name: str = "1") -> None:
        self.name = name
        self.offsets = [0] * partitions
        self.tails: list[Record | None] = [None] * partitions

    def generation(self) -> str:
        return self.name

    def settled(self, partition: int) -> int:
        return self.offsets[partition]

    async def stored_tail(self, partition: int) -> Record | None:
        return self.tails[partition]
