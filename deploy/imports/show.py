"""An import on the screen: how far it is, and its account."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from deploy.imports.account import first_rejects
from deploy.imports.errors import ImportFileError
from deploy.imports.run import ImportResult
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import one_line, print_line

#: Refused rows that are shown; all of them are in the file of `--rejects`.
SHOWN = 10


class ImportProgressBars:
    """Two bars on standard error: rows read, events accepted by the ingest API."""

    def __init__(self) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=TerminalConsole(stderr=True),
        )
        self._read = self.progress.add_task("rows read", total=1.0, count="")
        self._accepted = self.progress.add_task("events accepted", total=None, count="")
        self._sent = self._events = 0

    def is_read(self, rows: int, part: float) -> None:
        self.progress.update(self._read, completed=min(part, 1.0), count=f"{rows:,}")

    def resumed(self, sent: int, events: int) -> None:
        self._events = events
        self.progress.update(self._read, completed=1.0)
        self.progress.update(self._accepted, total=max(events, 1))
        self.accepted(sent)

    def accepted(self, events: int) -> None:
        self._sent += events
        self.progress.update(self._accepted, completed=self._sent, count=f"{self._sent:,} of {self._events:,}")


def show(result: ImportResult, rejects: Path | None, as_json: bool) -> None:
    """Print the account, and copy the rejected rows to a file where one is given; raises ImportFileError."""
    if rejects is not None:
        _copy(result.rejects, rejects)
    if as_json:
        print_line(msgspec.json.encode(msgspec.structs.asdict(result) | {"rejects": str(rejects or "")}).decode())
        return
    _print_refused(result, rejects)
    account = result.account
    left_out, refused = sum(account.left_out.values()), sum(account.refused.values())
    print_line(
        f"{account.rows:,} rows read: {account.events:,} events, {account.duplicates:,} duplicates, "
        f"{left_out:,} left out, {refused:,} refused"
    )
    for words, reasons in (("left out", account.left_out), ("refused", account.refused)):
        for reason, count in sorted(reasons.items(), key=lambda each: -each[1]):
            print_line(f"  {words} {count:,}: {one_line(reason)}")
    print_line(_outcome(result))


def _print_refused(result: ImportResult, rejects: Path | None) -> None:
    refused = sum(result.account.refused.values())
    for row in first_rejects(result.rejects, SHOWN) if refused else []:
        print_line(one_line(f"{row.file}, {row.number}: {row.reason}"), error=True)
    if refused > SHOWN:
        print_line(f"and {refused - SHOWN:,} more: {rejects or '--rejects FILE keeps all'}", error=True)


def _outcome(result: ImportResult) -> str:
    account = result.account
    if account.first_at is None or account.last_at is None:
        return "nothing to send"
    span = f"{_day(account.first_at)} to {_day(account.last_at)} UTC"
    if result.was_done and not result.sent_now:
        return (
            f"{result.site} has them since an earlier import ({span}): nothing is sent; --again sends them all the same"
        )
    end = f"its clock stands at {_day(result.ended_at or account.last_at)} UTC"
    return f"{result.sent_now:,} events sent to {result.site} ({span}); {end}"


def _day(millis: int) -> str:
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _copy(found: Path, wanted: Path) -> None:
    try:
        shutil.copyfile(found, wanted)
    except OSError as error:
        raise ImportFileError(f"cannot write --rejects {wanted}: {error.strerror}") from None
