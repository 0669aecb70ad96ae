"""The folder that lets the log of the embedded broker, which is in memory, go on after it: `<data_dir>/log`.

log.json         the name of the log, its partitions, and whether it has begun
checkpoint.json  how far the databases are, and from where a fold may begin: renewed by the store every few seconds
marks/N          the newest committed offset and mark of partition N: renewed by the worker
generation       the name of this life of the broker; missing while it is filled, and when its end comes
page-stats, erasures, experiments    copies of these topics (deploy/log/topic_copy.py)
"""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import msgspec
from msgspec import Struct

from deploy.log.broker_life import GENERATION, generation
from deploy.log.cluster_id import new_cluster_id
from ingest.spool.files import sync_folder

#: How the process that fills a broker ends where the databases lack what the log needs: another log begins.
LOST = 75


class LogName(Struct, frozen=True):
    """The name of a log, how many partitions `events` has, and whether anything may be in it yet."""

    id: str
    partitions: int
    begun: bool = False


class PartitionCheckpoint(Struct, frozen=True, omit_defaults=True):
    """One partition, as it is on the disk for sure.

    `events`, `scored`, `dead` are the offsets up to which the databases have each topic. Everything that comes of the
    events before `published` is in them, and a fold that begins at `mark` (stream/fold/mark.py) is right from there on;
    `key` and `value` are the last stored record that came from ingest.
    """

    events: int = 0
    scored: int = 0
    dead: int = 0
    published: int = 0
    mark: str = ""
    key: bytes = b""
    value: bytes = b""


#: By partition.
Checkpoint = Mapping[int, PartitionCheckpoint]


class LogFolder:
    """Reads and writes those files; raises OSError. A file that cannot be read counts as missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def name(self) -> LogName | None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.folder / "log.json").read_bytes(), type=LogName)
        return None

    def begin(self, partitions: int) -> LogName:
        """A new log: nothing of an earlier one is left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        name = LogName(new_cluster_id(), partitions)
        self._write("log.json", msgspec.json.encode(name), durable=True)
        return name

    def begun(self, name: LogName) -> None:
        """Note that the log may have records now."""
        self._write("log.json", msgspec.json.encode(msgspec.structs.replace(name, begun=True)), durable=True)

    def checkpoint(self) -> dict[int, PartitionCheckpoint]:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found = (self.folder / "checkpoint.json").read_bytes()
            return msgspec.json.decode(found, type=dict[int, PartitionCheckpoint])
        return {}

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._write("checkpoint.json", msgspec.json.encode(checkpoint), durable=True)

    def mark(self, partition: int) -> tuple[int, str] | None:
        """The offset that the worker has committed, and its mark; None where it has committed none."""
        with contextlib.suppress(OSError, ValueError):
            offset, _, mark = (self.folder / "marks" / str(partition)).read_text().partition(" ")
            return int(offset), mark
        return None

    def keep_marks(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        """Need not survive the machine: checkpoints do."""
        for partition, (offset, mark) in offsets.items():
            self._write(f"marks/{partition}", f"{offset} {mark}".encode(), durable=False)

    def generation(self) -> str:
        """The name of this life of the broker; "" while nothing may be appended."""
        return generation(self.folder)

    def ending(self) -> None:
        """Nothing more may be appended: another broker takes over when the databases have what this one has."""
        (self.folder / GENERATION).unlink(missing_ok=True)

    def filling(self) -> None:
        """The broker is a new one, and not filled: no worker has committed to it."""
        shutil.rmtree(self.folder / "marks", ignore_errors=True)
        self.ending()

    def filled(self) -> None:
        """The broker has what it needs: the parts may begin."""
        self._write(GENERATION, uuid4().hex.encode(), durable=False)

    def _write(self, name: str, content: bytes, durable: bool) -> None:
        """Replace the file whole, by one that is on the disk where it is to be durable."""
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        with beside.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
        if durable:
            sync_folder(path.parent)
