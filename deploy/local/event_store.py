"""What the spool has to know of an embedded log: which life of its broker this is, and what the databases have."""

import os

from deploy.local.log_folder import LogFolder, PartitionCheckpoint
from ingest.publish import Record

_NOTHING = PartitionCheckpoint()


class EmbeddedEventStore:
    """An EventStore (ingest/spool/event_store.py) that reads the checkpoint, again whenever it has been renewed."""

    def __init__(self, folder: LogFolder) -> None:
        self._folder = folder
        self._read: tuple[int, int] | None = None
        self._checkpoint: dict[int, PartitionCheckpoint] = {}

    def generation(self) -> str:
        return self._folder.generation()

    def settled(self, partition: int) -> int:
        return self._partition(partition).events

    async def stored_tail(self, partition: int) -> Record | None:
        found = self._partition(partition)
        return (found.key, found.value) if found.key else None

    def _partition(self, number: int) -> PartitionCheckpoint:
        try:
            status = os.stat(self._folder.folder / "checkpoint.json")
        except OSError:
            self._read, self._checkpoint = None, {}
        else:
            if self._read != (here := (status.st_ino, status.st_mtime_ns)):
                self._read, self._checkpoint = here, self._folder.checkpoint()
        return self._checkpoint.get(number, _NOTHING)
