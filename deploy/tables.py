"""Intents, updates and replays as tables for a terminal."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from storage.intents import Intent, SpokenReason, Timeline
from storage.pages.refresh import Explained, PageInForce, PagesInForce
from storage.replay.account import Account, Movement, Mover, TableDiff, auc
from storage.replay.jobs import Job
from storage.replay.journal import Entry
from storage.replay.request import Request
from stream.replay import NEVER

_COLOURS = {"low": "dim", "building": "yellow", "high": "bold green"}


def intent_table(intent: Intent) -> Table:
    """One session, a line for each fact."""
    table = Table(show_header=False, title=escape(f"{intent.site}/{intent.session_id}"), title_justify="left")
    counts = intent.counts
    for name, value in {
        "probability": f"{intent.probability:.4f}",
        "band": _band(intent.band),
        "label": intent.label,
        "status": intent.status,
        "why": reasons(intent.reasons),
        "events": f"{counts.events}, of which {counts.page_views} page views, {counts.purchases} purchases",
        "opened": moment(intent.opened_at),
        "updated": moment(intent.updated_at),
        "model": escape(intent.model_version),
    }.items():
        table.add_row(name, value)
    return table


def live_table(intents: Iterable[Intent]) -> Table:
    """One line for each session."""
    table = Table()
    for column in ("score", "band", "session", "site", "views", "updated", "why"):
        table.add_column(column, justify="right" if column == "views" else "left", no_wrap=column != "why")
    for each in intents:
        table.add_row(
            f"{each.probability:.4f}",
            _band(each.band),
            escape(each.session_id),
            escape(each.site),
            str(each.counts.page_views),
            moment(each.updated_at),
            reasons(each.reasons[:1]),
        )
    return table


def timeline_table(timeline: Timeline) -> Table:
    """One line for each update."""
    table = Table(title=escape(f"{timeline.site}/{timeline.session_id}"), title_justify="left")
    for column in ("occurred", "event", "path", "status", "score", "band", "why"):
        table.add_column(column, no_wrap=column in ("occurred", "status", "score", "band"))
    for each in timeline.updates:
        table.add_row(
            moment(each.occurred_at),
            escape(each.event.type or "the clock"),
            escape(each.event.path or ""),
            each.status,
            f"{each.probability:.4f}",
            _band(each.band),
            reasons(each.reasons[:1]),
        )
    return table


def line(intent: Intent) -> str:
    """An update that just came, as one line of text."""
    colour = _COLOURS[intent.band]
    return (
        f"{moment(intent.updated_at)}  [{colour}]{intent.probability:.4f} {intent.band:<8}[/]  {intent.status:<6}  "
        f"{escape(f'{intent.site}/{intent.session_id}')}  {reasons(intent.reasons[:1])}"
    )


def pages_table(found: PagesInForce, limit: int) -> Table:
    """One line for each page, the most valuable first."""
    table = Table("site", "page", title=f"page statistics, version {found.version}", title_justify="left")
    for column in ("page value", "bounce rate", "exit rate"):
        table.add_column(column, justify="right")
    for each in found.pages[:limit]:
        table.add_row(escape(each.site), escape(each.path), *_page(each))
    if len(found.pages) > limit:
        table.caption = f"{len(found.pages) - limit:,} more: --limit"
    return table


def page_table(found: Explained) -> Table:
    """How the statistics of one page come about."""
    tally, mean = found.tally, found.site_means
    table = Table("", title=escape(f"{tally.site} {tally.path}"), title_justify="left")
    for column in ("page value", "bounce rate", "exit rate"):
        table.add_column(column, justify="right")
    counted = (
        f"{tally.value:,.2f} of {tally.sessions:,} visits",
        f"{tally.bounces:,} of {tally.entrances:,} entrances",
        f"{tally.exits:,} of {tally.views:,} views",
    )
    table.add_row("counted, last 30 days", *counted)
    table.add_row("mean of the site", f"{mean.page_value:.4f}", f"{mean.bounce_rate:.4f}", f"{mean.exit_rate:.4f}")
    table.add_row(f"together, the mean weighing {found.weight} visits", *_page(found.computed))
    in_force = _page(found.in_force) if found.in_force else ("none",) * 3
    table.add_row(f"in force, version {found.version}", *in_force)
    return table


def _page(page: PageInForce) -> tuple[str, str, str]:
    return f"{page.page_value:.4f}", f"{page.bounce_rate:.4f}", f"{page.exit_rate:.4f}"


def print_account(console: Console, account: Account, diff: bool) -> None:
    """What a replay did; with `diff` also how every table and the scores differ from what was stored."""
    line = (
        f"{account.events:,} events read, {account.sessions:,} sessions, {account.updates:,} updates; "
        f"{account.dead:,} dead, {account.changed:,} changed, {account.voided:,} voided"
    )
    more = {
        "refused by a database": account.refused,
        "open, left to the live workers": account.left_open,
        "open, told again as a database had lost them": account.restored,
    }
    said = [line, *(f"{count:,} {what}" for what, count in more.items() if count)]
    if diff:
        console.print(_diff_table(account.tables))
        said += _movement(account.movement)
    for each in said:
        console.print(each, markup=False, highlight=False, soft_wrap=True)
    if diff and account.movement.movers:
        console.print(_movers_table(account.movement.movers))


def replays_table(entries: Iterable[Entry]) -> Table:
    """One line for each replay of a log."""
    table = Table("replay", "state", "begun", "last moved", "asked for", "events", "sessions", "changed", "voided")
    for each in entries:
        done = each.account
        counts = (f"{count:,}" for count in (done.events, done.sessions, done.changed, done.voided))
        begun, last = moment(each.started_at), moment(each.moved_at)
        table.add_row(str(each.number), each.state, begun, last, escape(_asked(each.request)), *counts)
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    """One line for each replay that a process has run."""
    table = Table("job", "replay", "state", "begun", "asked for", "folded", "said")
    for each in jobs:
        said = each.failure or "; ".join(each.remarks)
        folded = f"{each.done:,} of {each.records:,}"
        asked = escape(_asked(each.request))
        table.add_row(
            str(each.id), str(each.number or ""), each.state, moment(each.started_at), asked, folded, escape(said)
        )
    return table


def _asked(request: Request) -> str:
    """A request as the options of the command that makes it."""
    said = [f"--source {request.source}"]
    said += [f"--from {moment(request.since)}"] if request.since else []
    said += [f"--to {moment(request.until)}"] if request.until != NEVER else []
    said += [f"--site {request.site}"] if request.site else []
    said += [f"--model {request.model}"] if request.model else []
    said += [f"--into {request.into} {request.target}".strip()] if request.into != "databases" else []
    said += ["--include-late"] if request.include_late else []
    return " ".join(said + (["--diff"] if request.diff else []))


def _diff_table(differences: Mapping[str, TableDiff]) -> Table:
    table = Table("table", "rows compared", "changed", "not stored before", "stored, not made", "columns that changed")
    for name, each in differences.items():
        columns = ", ".join(f"{column} {count:,}" for column, count in sorted(each.columns.items()))
        counts = (f"{count:,}" for count in (each.compared, each.changed, each.added, each.gone))
        table.add_row(name, *counts, columns or "none")
    return table


def _movement(movement: Movement) -> list[str]:
    if not movement.apart:
        return []
    quantiles = ", ".join(f"{name} {movement.quantile(share):.4f}" for name, share in _SHARES.items())
    said = [f"scores of closed sessions moved by: {quantiles}"]
    before, after = auc(movement.before), auc(movement.after)
    if before is not None and after is not None:
        said.append(f"AUC on closed sessions {before:.4f} before, {after:.4f} after")
    return said


_SHARES = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "at most": 1.0}


def _movers_table(movers: Iterable[Mover]) -> Table:
    table = Table("session", "opened", "before", "after", "moved", title="the largest movers", title_justify="left")
    for each in movers:
        name = escape(f"{each.site}/{each.session_id}")
        scores = (f"{each.before:.4f}", f"{each.after:.4f}", f"{each.moved:+.4f}")
        table.add_row(name, moment(each.opened_at), *scores)
    return table


def reasons(given: Iterable[SpokenReason]) -> str:
    return escape("; ".join(reason.text for reason in given))


def moment(ms: int) -> str:
    """A time as a person reads it, in UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _band(band: str) -> str:
    return f"[{_COLOURS[band]}]{band}[/]"
