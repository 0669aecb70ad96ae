"""`opecom webhooks`: made, listed, tried and removed; what was delivered, what was given up, and that again."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from sqlalchemy import Engine

from deploy.errors import AwayError, SetupError
from deploy.processes.audit_file import audited
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings, load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import one_line, print_line
from deploy.wiring.relational import relational_of_this_program
from storage.database.errors import DatabaseUnavailableError
from storage.webhooks import deliveries, message, registry
from storage.webhooks.addresses import ForbiddenError, Resolver
from storage.webhooks.answers import GRACE_HOURS, MOST_HOURS, view_of
from storage.webhooks.crossings import WANTED, Wanted
from storage.webhooks.deliveries import Delivery, State
from storage.webhooks.reach import require_reachable
from storage.webhooks.registry import UnknownWebhookError
from storage.webhooks.schedule import spoken

app = typer.Typer(help="Requests to your server when a session crosses into another band.", no_args_is_help=True)

#: Seconds that `test` waits for what becomes of its delivery.
PATIENCE = 30.0

Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, as `opecom webhooks list` shows it.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where requests go: https://HOST/...")],
    site: Annotated[str, typer.Option(help="The site whose sessions it is about.")],
    on: Annotated[
        list[str], typer.Option(help=f"Its events, may be repeated: {', '.join(WANTED)}; none: every crossing.")
    ] = [],  # noqa: B006 - typer makes a new one for each call
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The receiver is in your own network; http is allowed too.")
    ] = False,
    json: Json = False,
) -> None:
    """Makes a webhook and prints its secret, this once."""
    settings = load()
    known = sites_of(settings)
    if site not in known:
        raise SetupError(f"--site {site}: the sites are {', '.join(known)}")
    wanted = tuple(word for word in WANTED if word in on)
    if unknown := set(on) - set(wanted):
        raise SetupError(f"--on {sorted(unknown)[0]}: one of {', '.join(WANTED)}")
    _require_reachable(url, allow_private)
    with _database(settings, "webhooks add", site, url) as engine:
        made = registry.add(engine, site, url, wanted, allow_private, _now())
    if json:
        print_line(msgspec.json.encode({"id": made.id, "secret": made.secret}).decode())
        return
    print_line(f"webhook {made.id} tells {url} of the sessions of {site}: {_on(made.wanted)}")
    print_line(f"its secret, which is not shown again: {made.secret}")


@app.command("list")
def list_(json: Json = False) -> None:
    """Every webhook, and whether it is in use."""
    with _database(load(), "webhooks list") as engine:
        found = [view_of(each) for each in registry.every(engine)]
    if json:
        print_line(msgspec.json.encode(found).decode())
        return
    table = Table("id", "site", "events", "URL", "since (UTC)", "in use", box=None)
    for each in found:
        since, used = spoken(each.created_at), each.disabled or "yes"
        table.add_row(each.id, each.site, _on(each.on), escape(each.url), since, escape(used))
    TerminalConsole().print(table)


@app.command()
def remove(webhook: Id) -> None:
    """Removes a webhook; what was due for it is given up, its log stays."""
    with _database(load(), "webhooks remove", subject=f"webhook {webhook}") as engine, _known():
        registry.remove(engine, webhook)
    print_line(f"webhook {webhook} is removed")


@app.command()
def rotate(
    webhook: Id,
    hours: Annotated[
        int, typer.Option(min=0, max=MOST_HOURS, help="How long the old secret signs too; 0: it has leaked.")
    ] = GRACE_HOURS,
    json: Json = False,
) -> None:
    """Gives a webhook a new secret and prints it, this once; until the old one ends, both sign each message."""
    with _database(load(), "webhooks rotate", subject=f"webhook {webhook}") as engine, _known():
        rotated = registry.rotate(engine, webhook, _now(), hours * 3_600_000)
    if json:
        print_line(msgspec.json.encode({"id": rotated.id, "secret": rotated.secret}).decode())
        return
    until = f"until {spoken(rotated.old_secret_until)} UTC" if hours else "no more"
    print_line(f"the old secret of webhook {webhook} signs {until}")
    print_line(f"its new secret, which is not shown again: {rotated.secret}")


@app.command()
def enable(webhook: Id) -> None:
    """Puts a webhook into use again that its receiver had ended with 410 Gone."""
    with _database(load(), "webhooks enable", subject=f"webhook {webhook}") as engine, _known():
        registry.enable(engine, webhook, _now())
    print_line(f"webhook {webhook} is in use")


@app.command("test")
def try_(webhook: Id, json: Json = False) -> None:
    """Has the running system send a test message, and waits for what becomes of it; exit code 1: not delivered."""
    with _database(load(), "webhooks test", subject=f"webhook {webhook}") as engine, _known():
        found = registry.one(engine, webhook)
        if found.disabled:
            raise SetupError(f"webhook {webhook} is disabled ({found.disabled}): `opecom webhooks enable {webhook}`")
        sent = message.test(found.site, found.id, _now())
        deliveries.put_test(engine, found.id, found.site, sent, _now())
        ended = _tried(engine, sent.id)
    if json:
        print_line(msgspec.json.encode(ended).decode())
    elif ended.state == "delivered":
        print_line(f"delivered: {found.url} answered {ended.status}")
    else:
        print_line(f"not delivered, tried {ended.attempts} times: {one_line(ended.detail)}")
    sys.exit(0 if ended.state == "delivered" else 1)


@app.command("deliveries")
def log(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    held: Annotated[
        bool, typer.Option("--held", help="Only those that an experiment or a hold-out holds back.")
    ] = False,
    webhook: Annotated[str, typer.Option(help="Those of one webhook.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most deliveries.")] = 50,
    json: Json = False,
) -> None:
    """What was delivered, is due, was given up, or is held back by an experiment, the newest first."""
    if dead and held:
        raise SetupError("--dead --held: a delivery is one of both; take one of them")
    state: State | None = "dead" if dead else "held" if held else None
    with _database(load(), "webhooks deliveries", subject=f"webhook {webhook}" if webhook else "") as engine:
        found = deliveries.newest(engine, state, webhook or None, limit)
    if json:
        print_line(msgspec.json.encode(found).decode())
        return
    table = Table("id", "webhook", "of", "session", "made (UTC)", "state", "tried", "last answer", box=None)
    for each in found:
        answer = each.detail or (str(each.status) if each.status else "")
        cells = (each.id, each.webhook_id, each.kind, each.session_id, spoken(each.created_at), each.state)
        table.add_row(*map(escape, (*cells, str(each.attempts), answer)))
    TerminalConsole().print(table)


@app.command()
def resend(delivery: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of deliveries.")]) -> None:
    """Makes deliveries due again, under their own ids."""
    with _database(load(), "webhooks resend", subject=f"deliveries {' '.join(delivery)}") as engine:
        for each in delivery:
            found = deliveries.one(engine, each)
            if found is not None and found.state == "held":
                raise SetupError(f"{each} is never sent ({found.detail})")
            if not deliveries.again(engine, each, _now()):
                raise SetupError(
                    f"{each} has not ended, or its webhook is not in use: `opecom webhooks deliveries` lists them"
                )
            print_line(f"{each} is due")


@contextlib.contextmanager
def _database(settings: Settings, action: str, site: str = "", subject: str = "") -> Iterator[Engine]:
    """The relational database, and a line of the audit trail; a database that is away is an error of one line."""
    engine = relational_of_this_program(settings)
    try:
        with audited(settings, action, site, subject):
            yield engine
    except DatabaseUnavailableError as error:
        raise AwayError(f"the relational database does not answer ({error}): see storage.url, data_dir") from error
    finally:
        engine.dispose()


@contextlib.contextmanager
def _known() -> Iterator[None]:
    try:
        yield
    except UnknownWebhookError as error:
        raise SetupError(f"there is no webhook {error}: `opecom webhooks list` shows them") from error


def _require_reachable(url: str, allow_private: bool) -> None:
    """Raises SetupError for what no attempt would reach; a name that does not resolve here may do so elsewhere."""
    resolve = Resolver(threads=1)
    try:
        if notice := asyncio.run(require_reachable(url, allow_private, resolve)):
            print_line(f"note: {notice}", error=True)
    except ForbiddenError as error:
        raise SetupError(f"{url}: {error}") from None
    finally:
        resolve.close()


def _tried(engine: Engine, delivery_id: str) -> Delivery:
    """The delivery after its first attempt; raises SetupError where none is made in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = deliveries.one(engine, delivery_id)
        if found is not None and (found.state != "due" or found.detail):
            return found
        time.sleep(0.1)
    raise SetupError(
        f"nobody sent it within {PATIENCE:.0f} s: is the part webhooks running? (`opecom up`, `opecom run webhooks`)"
    )


def _on(wanted: tuple[Wanted, ...]) -> str:
    return ", ".join(wanted) or "every crossing"


def _now() -> int:
    return int(time.time() * 1000)
