"""What a replay did, and which replays there are, for a terminal."""

from collections.abc import Iterable, Mapping

from rich.table import Table

from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.intents import moment
from storage.replay.account import Account, Movement, Mover, TableDiff, auc
from storage.replay.jobs import Job
from storage.replay.journal import BackfillEntry
from storage.replay.request import ReplaySelection
from stream.replay import NEVER


def print_account(console: TerminalConsole, account: Account, diff: bool) -> None:
    """What a replay did; with `diff` also how every table and the scores differ from what was stored."""
    line = (
        f"{account.events:,} events read, {account.sessions:,} sessions, {account.updates:,} updates; "
        f"{account.dead:,} dead, {account.changed:,} changed, {account.voided:,} voided"
    )
    more = {
        "refused by a database": account.refused,
        "open, left to the live workers": account.left_open,
        "open, published again as a database had lost them": account.restored,
    }
    lines = [line, *(f"{count:,} {what}" for what, count in more.items() if count)]
    if diff:
        console.print(_diff_table(account.tables))
        lines += _movement(account.movement)
    for each in lines:
        console.print(each, markup=False, highlight=False, soft_wrap=True)
    if diff and account.movement.movers:
        console.print(_movers_table(account.movement.movers))


def replays_table(entries: Iterable[BackfillEntry]) -> Table:
    """One line for each replay of a log."""
    table = Table("replay", "state", "begun", "last moved", "asked for", "events", "sessions", "changed", "voided")
    for each in entries:
        done = each.account
        counts = (f"{count:,}" for count in (done.events, done.sessions, done.changed, done.voided))
        begun, last = moment(each.started_at), moment(each.moved_at)
        table.add_row(str(each.number), escape(each.state), begun, last, escape(_described(each.request)), *counts)
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    """One line for each replay that a process has run."""
    table = Table("job", "replay", "state", "begun", "asked for", "folded", "said")
    for each in jobs:
        lines = each.failure or "; ".join(each.remarks)
        folded = f"{each.done:,} of {each.records:,}"
        described = escape(_described(each.request))
        table.add_row(
            str(each.id),
            str(each.number or ""),
            escape(each.state),
            moment(each.started_at),
            described,
            folded,
            escape(lines),
        )
    return table


def _described(request: ReplaySelection) -> str:
    """A request as the options of the command that makes it."""
    lines = [f"--source {request.source}"]
    lines += [f"--from {moment(request.since)}"] if request.since else []
    lines += [f"--to {moment(request.until)}"] if request.until != NEVER else []
    lines += [f"--site {request.site}"] if request.site else []
    lines += [f"--model {request.model}"] if request.model else []
    lines += [f"--against {request.against}"] if request.against else []
    lines += [f"--into {request.into} {request.target}".strip()] if request.into != "databases" else []
    lines += ["--include-late"] if request.include_late else []
    return " ".join(lines + (["--diff"] if request.diff else []))


def _diff_table(differences: Mapping[str, TableDiff]) -> Table:
    table = Table("table", "rows compared", "changed", "not stored before", "stored, not made", "columns that changed")
    for name, each in differences.items():
        columns = ", ".join(f"{column} {count:,}" for column, count in sorted(each.columns.items()))
        counts = (f"{count:,}" for count in (each.compared, each.changed, each.added, each.gone))
        table.add_row(escape(name), *counts, escape(columns or "none"))
    return table


def _movement(movement: Movement) -> list[str]:
    if not movement.apart:
        return []
    quantiles = ", ".join(f"{name} {movement.quantile(share):.4f}" for name, share in _SHARES.items())
    lines = [f"scores of closed sessions moved by: {quantiles}"]
    before, after = auc(movement.before), auc(movement.after)
    if before is not None and after is not None:
        lines.append(f"AUC on closed sessions {before:.4f} before, {after:.4f} after")
    return lines


_SHARES = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "at most": 1.0}


def _movers_table(movers: Iterable[Mover]) -> Table:
    table = Table("session", "opened", "before", "after", "moved", title="the largest movers", title_justify="left")
    for each in movers:
        name = escape(f"{each.site}/{each.session_id}")
        scores = (f"{each.before:.4f}", f"{each.after:.4f}", f"{each.moved:+.4f}")
        table.add_row(name, moment(each.opened_at), *scores)
    return table
