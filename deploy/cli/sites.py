"""`opecom sites`: the sites whose events are taken, and the keys with which they come."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from deploy.errors import AwayError, SetupError
from deploy.processes.data_folder import as_running
from deploy.settings.access_file import place, sites_of
from deploy.settings.model import SiteSettings, load
from deploy.sites import changes as access_changes
from deploy.sites.changes import FIELDS, Kind
from deploy.sites.site_fields import where_kept
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line

app = typer.Typer(help="Sites: whose events are taken, from which pages, with which keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A site's name.")]


@app.command()
def add(
    name: Name,
    origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may send events, https://shop.example.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="IANA time zone of the site, Europe/Vienna.")] = "",
    holidays: Annotated[str, typer.Option(help="Country code of the site's holidays, AT.")] = "",
    expected_conversion: Annotated[
        float, typer.Option(help="The share of sessions that end in a purchase, 0.02 for two of a hundred.")
    ] = 0.0,
) -> None:
    """Adds a site, or to a site what is named here, and shows its write key; running parts take it at once."""
    settings = load()
    before = sites_of(settings).get(name)
    given = {"timezone": timezone, "holidays": holidays, "expected_conversion": expected_conversion}
    fields = {key: value for key, value in given.items() if value}
    key = access_changes.add_site(settings, name, origin or [], fields)
    print_line(f"{name} is in {place(settings)}" if before is None else f"{name} is changed in {place(settings)}")
    if key:
        print_line(f"write key, which is public and stands in the page: {key}")
    if not sites_of(settings)[name].origins:
        print_line("it takes events from pages of this machine alone: add --origin https://..., where its pages are")
    if before is not None and fields.keys() - {"expected_conversion"}:
        print_line("the calendar of a site that was known holds until the worker starts again")


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False) -> None:
    """The sites by the settings and the file; of secrets only how many there are."""
    settings = load()
    known = sites_of(settings)
    if json:
        listed = {
            name: {
                "origins": site.origins,
                "timezone": site.timezone,
                "write_keys": site.write_keys,
                "import_keys": len(site.import_keys),
                "purchase_secrets": len(site.purchase_secrets),
                "in": where_kept(settings, name),
            }
            for name, site in known.items()
        }
        print_line(msgspec.json.encode({"sites": listed}).decode())
        return
    table = Table()
    for column in ("site", "origins", "time zone", "write keys", "import", "purchase", "in"):
        table.add_column(column, overflow="fold")
    for name, site in known.items():
        table.add_row(*map(escape, _row(name, site)), " and ".join(where_kept(settings, name)))
    TerminalConsole().print(table)


@app.command()
def rotate(
    name: Name,
    write: Annotated[bool, typer.Option("--write", help="A public write key.")] = False,
    import_: Annotated[bool, typer.Option("--import", help="A secret import key.")] = False,
    purchase: Annotated[bool, typer.Option("--purchase", help="The secret that signs purchases.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="End all of the kind but the newest.")] = False,
) -> None:
    """Makes another key of one kind, while the old ones hold; --retire ends those, when nobody uses them any more."""
    kinds: list[Kind] = [kind for kind, wanted in _wanted(write, import_, purchase) if wanted]
    if len(kinds) != 1:
        raise SetupError("say which: --write, --import or --purchase")
    settings, (kind,) = load(), kinds
    if retire:
        print_line(
            f"{access_changes.retire(settings, name, kind)} old {FIELDS[kind]} of {name} are ended; the newest holds"
        )
        return
    key = access_changes.rotate(settings, name, kind)
    print_line(key)
    more = "" if kind == "write" else "; it is not shown again"
    print_line(f"this is now a key of {name}, and so are those before it until you say --retire{more}")


@app.command()
def remove(name: Name) -> None:
    """Takes a site out of the file: its keys end; what it sent before stays."""
    settings = load()
    if access_changes.remove_site(settings, name):
        print_line(f"{name} is out of {place(settings)}; the settings still have it")
    else:
        print_line(f"{name} is out of {place(settings)}: events with its keys are refused from now on")


@app.command()
def finish(name: Name) -> None:
    """Ends an import of a site or of a run (shop~2025): its sessions close, and are in training sets and statistics."""
    # Here, so that no other command loads clients of Kafka.
    from aiokafka.errors import KafkaError

    from deploy.log.client_options import kafka_clients
    from deploy.log.finish import finish as write_tick
    from stream.kafka.source import SourceError

    settings = as_running(load())
    try:
        to = asyncio.run(write_tick(settings, kafka_clients(settings.kafka), name))
    except (KafkaError, SourceError) as error:
        raise AwayError(f"Kafka at {settings.kafka.bootstrap} (kafka.bootstrap) does not answer: {error}") from None
    at = datetime.fromtimestamp(to / 1000, UTC)
    print_line(
        f"the import of {name} is at its end: its clock stands at {at:%Y-%m-%d %H:%M:%S} UTC, and its sessions close"
    )


def _wanted(write: bool, import_: bool, purchase: bool) -> tuple[tuple[Kind, bool], ...]:
    return ("write", write), ("import", import_), ("purchase", purchase)


def _row(name: str, site: SiteSettings) -> tuple[str, ...]:
    return (
        name,
        "\n".join(site.origins) or "this machine",
        site.timezone,
        "\n".join(site.write_keys),
        str(len(site.import_keys)),
        str(len(site.purchase_secrets)),
    )
