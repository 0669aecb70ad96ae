"""`opecom experiments`: experiments and hold-outs, by way of the query API."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
import typer
from rich.table import Table

from deploy.cli.experiments_plan import plan
from deploy.cli.experiments_results import results
from deploy.cli.pages import site_named
from deploy.errors import SetupError
from deploy.settings.model import Settings, load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, call_api
from deploy.wiring.keys import admin_key
from storage.experiments.answers import ExperimentList, ExperimentView, HoldoutList, HoldoutView

app = typer.Typer(
    help="Experiments: who is in which arm, from when to when; and hold-outs of sites.", no_args_is_help=True
)
app.command()(plan)
app.command()(results)

#: Seconds in which a change is answered: workers have 15 to take it, and as many to take its end.
ANSWER_SECONDS = 60.0
#: The name of a model that is the one in force for the site.
IN_FORCE = "in-force"

Name = Annotated[str, typer.Argument(help="The experiment.")]
Site = Annotated[str, typer.Option(help="The site; may be left out where there is one.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9, _ and -; at most 32.")],
    arms: Annotated[str, typer.Option(help="Names and percents, the control first: control:50,treatment:50.")],
    site: Site = "",
    unit: Annotated[str, typer.Option(help="visitor or session: what stays in one arm.")] = "visitor",
    models: Annotated[
        str, typer.Option(help=f"A model for each arm, in their order; {IN_FORCE}: the one that scores the site.")
    ] = "",
    audience: Annotated[str, typer.Option(help="A condition, as band >= building and cart_value > 0.")] = "",
    layer: Annotated[str, typer.Option(help="Experiments of one layer share no unit; none: a layer of its own.")] = "",
    acts: Annotated[str, typer.Option(help="The arms that act, by commas; none: all but the first.")] = "",
    planned_visitors: Annotated[
        int | None, typer.Option(help="Of all arms, as `plan` counts them; with it the reading is written down.")
    ] = None,
    reading: Annotated[str, typer.Option(help="How results are read: any-time or planned.")] = "any-time",
    looks: Annotated[int, typer.Option(min=1, max=28, help="Looks of a planned reading.")] = 4,
    window_days: Annotated[int, typer.Option(min=1, max=90, help="Days after its exposure that count.")] = 7,
    decides: Annotated[
        str, typer.Option(help="conversion, session_conversion or revenue_per_visitor: what is decided on.")
    ] = "conversion",
    json: Json = False,
) -> None:
    """Makes a draft; `start` puts it in force."""
    settings = load()
    body: dict[str, Any] = {
        "name": name,
        "site": site_named(settings, site),
        "unit": unit,
        "arms": _arms(arms, models, acts),
        "audience": audience,
        "layer": layer,
    }
    if planned_visitors is not None:
        body["plan"] = {
            "planned_visitors": planned_visitors,
            "reading": reading,
            "looks": looks,
            "window_days": window_days,
            "decides": decides,
        }
    elif (reading, looks, window_days, decides) != ("any-time", 4, 7, "conversion"):
        raise SetupError("--planned-visitors: a plan needs it; `opecom experiments plan` says how many")
    _print(_call(settings, "POST", "", body), json)


@app.command()
def start(name: Name, json: Json = False) -> None:
    """Starts a draft: sessions that open from here on are in its arms."""
    _print(_call(load(), "POST", f"/{quote(name, safe='')}/start"), json)


@app.command()
def grow(
    name: Name,
    arms: Annotated[str, typer.Option(help="Names and their new percents: treatment:60. An arm never shrinks.")],
    json: Json = False,
) -> None:
    """Gives arms a larger share; who is in an arm stays in it."""
    _print(_call(load(), "POST", f"/{quote(name, safe='')}/grow", {"shares": dict(_shares(arms))}), json)


@app.command()
def stop(name: Name, json: Json = False) -> None:
    """Stops an experiment for good, for open sessions too."""
    _print(_call(load(), "POST", f"/{quote(name, safe='')}/stop"), json)


@app.command()
def discard(name: Name) -> None:
    """Drops a draft."""
    _call(load(), "DELETE", f"/{quote(name, safe='')}")
    print_line(f"there is no draft {name} any more")


@app.command("list")
def list_(site: Annotated[str, typer.Option(help="One site; none: all.")] = "", json: Json = False) -> None:
    """Drafts, experiments that run, and those that are stopped."""
    body = _call(load(), "GET", f"?{urlencode({'site': site})}")
    if json:
        print_line(body.decode())
        return
    table = Table()
    for column in ("name", "site", "status", "kind", "unit", "arms", "audience"):
        table.add_column(column, no_wrap=column != "audience")
    for each in msgspec.json.decode(body, type=ExperimentList).experiments:
        cells = (each.name, each.site, each.status, each.kind, each.unit, _arms_line(each), each.audience)
        table.add_row(*map(escape, cells))
    TerminalConsole().print(table)


@app.command()
def show(name: Name, json: Json = False) -> None:
    """An experiment with its arms, their buckets and its salt."""
    _print(_call(load(), "GET", f"/{quote(name, safe='')}"), json)


@app.command()
def holdout(
    share: Annotated[
        float | None, typer.Option(min=0, max=100, help="Percent of its visitors; none: shows it.")
    ] = None,
    site: Site = "",
    json: Json = False,
) -> None:
    """Holds a share of a site's visitors out of all experiments and actions, or shows how many are."""
    settings = load()
    if share is None:
        body = _call(settings, "GET", "", place="/holdouts")
        found = msgspec.json.decode(body, type=HoldoutList).holdouts
        lines = [f"{each.site}: {each.share:g} % of the visitors" for each in found]
        print_line(body.decode() if json else "\n".join(lines) or "no site holds visitors out")
        return
    place = f"/holdouts/{quote(site_named(settings, site), safe='')}"
    body = _call(settings, "PUT", "", {"share": share}, place=place)
    made = msgspec.json.decode(body, type=HoldoutView)
    _print_notices(made.notices)
    print_line(body.decode() if json else f"{made.site}: {made.share:g} % of the visitors are held out")


def _call(
    settings: Settings, method: str, more: str, body: dict[str, Any] | None = None, place: str = "/experiments"
) -> bytes:
    api = QueryApi.of(settings)
    encoded = None if body is None else msgspec.json.encode(body)
    return call_api(api, method, place + more, encoded, admin_key(settings), ANSWER_SECONDS)


def _shares(text: str) -> list[tuple[str, float]]:
    """Names and percents of `control:50,treatment:50`; raises SetupError."""
    found = []
    for each in text.split(","):
        name, _, share = each.strip().partition(":")
        try:
            found.append((name, float(share)))
        except ValueError:
            raise SetupError(f"--arms {each.strip()!r}: an arm is a name and a percent, as control:50") from None
    return found


def _arms(text: str, models: str, acts: str) -> list[dict[str, Any]]:
    shares, acting = _shares(text), {each.strip() for each in acts.split(",") if each.strip()}
    versions = [each.strip() for each in models.split(",")] if models else []
    if versions and len(versions) != len(shares):
        raise SetupError(f"--models: {len(versions)} for {len(shares)} arms; one each, {IN_FORCE} for the one in force")
    if unknown := acting - {name for name, _ in shares}:
        raise SetupError(f"--acts: {', '.join(sorted(unknown))} is no arm")
    return [
        {"name": name, "share": share}
        | ({"model": "" if versions[number] == IN_FORCE else versions[number]} if versions else {})
        | ({"acts": name in acting} if acting else {})
        for number, (name, share) in enumerate(shares)
    ]


def _print(body: bytes, as_json: bool) -> None:
    found = msgspec.json.decode(body, type=ExperimentView)
    _print_notices(found.notices)
    if as_json:
        print_line(body.decode())
        return
    table = Table(show_header=False)
    for name, value in (
        ("experiment", found.name),
        ("site", found.site),
        ("status", found.status),
        ("kind", found.kind),
        ("unit", found.unit),
        ("arms", _arms_line(found)),
        ("audience", found.audience or "everybody"),
        ("layer", found.layer),
        ("read", _plan_line(found)),
        ("salt", found.salt),
        ("version", str(found.version)),
        ("by", found.by),
    ):
        table.add_row(name, escape(value))
    TerminalConsole().print(table)


def _plan_line(found: ExperimentView) -> str:
    plan = found.plan
    if plan is None:
        return "no plan"
    looks = f" in {plan.looks} looks" if plan.reading == "planned" else ""
    visitors, days = f"{plan.planned_visitors:,} visitors", f"{plan.window_days} days for each"
    return f"{plan.reading}{looks}, {visitors}, {days}, by {plan.decides}"


def _print_notices(notices: list[str]) -> None:
    for notice in notices:
        print_line(notice, error=True)


def _arms_line(found: ExperimentView) -> str:
    """The arms with their shares, and what each does."""
    lines = []
    for arm in found.arms:
        does = arm.model or IN_FORCE if found.kind == "model" else "acts" if arm.acts else "holds back"
        lines.append(f"{arm.name} {arm.share:g} % ({does})")
    return ", ".join(lines)
