"""Rows of files to sorted events on disk, one file for each partition: checked, put in order, given their ids."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from deploy.imports.account import ImportAccount, Rejects
from deploy.imports.delimited import TableFormat
from deploy.imports.errors import RowRefusedError
from deploy.imports.ids import EventIds
from deploy.imports.prepare import EventPreparation, PreparedEvent, prepared
from deploy.imports.readers import SourceFile
from deploy.imports.sort import ExternalSort, write_frame
from deploy.imports.workspace import Workspace

#: Rows between two reports of how far reading is.
REPORTED = 5_000


_RECEIVED = struct.Struct(">Q")


class SortedEvent(NamedTuple):
    """A record of a partition's file."""

    received_at: int
    body: bytes


def sorted_event(record: bytes) -> SortedEvent:
    """What a record of a partition's file says."""
    return SortedEvent(_RECEIVED.unpack_from(record)[0], record[_RECEIVED.size :])


class EventReader(Protocol):
    """What a format is: how its tables are written, and what a row of it means."""

    @property
    def table(self) -> TableFormat: ...

    def check(self, file: SourceFile) -> None:
        """Raises ImportFileError for a file that cannot be of this format."""

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        """The row as an event of a batch; raises RowRefusedError."""


def sort_into(
    workspace: Workspace,
    files: Sequence[SourceFile],
    reader: EventReader,
    preparation: EventPreparation,
    passed_before: int | None,
    is_read: Callable[[int, int], None],
) -> None:
    """Make the files of the partitions, the account and the rejected rows; the state then says that it is sorted.

    `is_read` is called with the rows and the bytes that are read. Raises ImportFileError and OSError.

    1 what an interrupted sort left is removed · 2 rows are read, checked and sorted in runs · 3 the runs are merged
    into the files of the partitions · 4 the state. A crash before 4 begins again at 1;
    a failure leaves no files.
    """
    workspace.clear(keep=("lock",))
    account = ImportAccount()
    sort = ExternalSort(workspace.folder)
    try:
        with Rejects(workspace.rejects, account) as rejects:
            for record in _records(files, reader, preparation, account, rejects, is_read):
                sort.add(record)
        _write_partitions(workspace, map(prepared, sort.records()), account, passed_before)
        workspace.state.account = account
        workspace.state.sent, workspace.state.pages_until = {}, 0
        workspace.state.is_sorted = True
        workspace.save()
    except BaseException:
        workspace.clear(keep=("lock",))
        raise


def _records(
    files: Sequence[SourceFile],
    reader: EventReader,
    preparation: EventPreparation,
    account: ImportAccount,
    rejects: Rejects,
    is_read: Callable[[int, int], None],
) -> Iterator[bytes]:
    done = 0
    for file in files:
        reader.check(file)
        for number, values in file.rows(reader.table):
            account.rows += 1
            if account.rows % REPORTED == 0:
                is_read(account.rows, done + file.bytes_read)
            try:
                if isinstance(values, RowRefusedError):
                    raise values
                yield preparation.record(reader.event(values), account.rows)
            except RowRefusedError as refusal:
                rejects.add(file.path, number, refusal)
        done += file.size
    is_read(account.rows, done)


def _write_partitions(
    workspace: Workspace, events: Iterable[PreparedEvent], account: ImportAccount, passed_before: int | None
) -> None:
    ids, partition, file = EventIds(), -1, None
    try:
        for event in events:
            if ids.is_duplicate(event):
                account.duplicates += 1
                continue
            if file is None or event.partition != partition:
                if file is not None:
                    file.close()
                partition, file = event.partition, workspace.partition_file(event.partition).open("wb")
            body = event.body if event.has_own_id else _with_id(event, ids)
            write_frame(file, _RECEIVED.pack(event.received_at) + body)
            account.events += 1
            if passed_before is not None and event.received_at < passed_before:
                account.passed += 1
            account.first_at = min(event.received_at, account.first_at or event.received_at)
            account.last_at = max(event.received_at, account.last_at or 0)
    finally:
        if file is not None:
            file.close()


def _with_id(event: PreparedEvent, ids: EventIds) -> bytes:
    return b'{"event_id":"' + ids.id_of(event).encode() + b'",' + event.body[1:]


def source_files(paths: Iterable[Path]) -> list[SourceFile]:
    """The files, looked into; raises ImportFileError."""
    return [SourceFile(path) for path in paths]
