"""`opecom models`: the versions of the model, and which of them scores."""

import asyncio
import gzip
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.table import Table

from deploy.errors import SetupError
from deploy.processes.data_folder import as_running
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings, load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from deploy.wiring.models import writable_registry
from ingest.events import base_site
from scoring import registry
from scoring.browser.weights import WeightsKind
from scoring.folder import Place, RegistryError, write
from scoring.manifest import Manifest, ModelError
from scoring.promotions import Promotion
from stream.kafka.client_log import silence_libraries

app = typer.Typer(help="Versions of the model: what there is, what scores, what scored before.", no_args_is_help=True)

Version = Annotated[str, typer.Argument(help="A version, as `opecom models list` names it.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Days = Annotated[float, typer.Option(min=0.01, help="Of the shadow: sessions opened in so many days.")]
Until = Annotated[str | None, typer.Option(help="Of the shadow: up to when, ISO 8601 (UTC); none: now.")]
FromSource = Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Of the shadow: where events are read.")]


@app.command()
def seed() -> None:
    """Puts the shipped version into the registry, which is made where there is none; safe to repeat."""
    folder = _folder(load())
    try:
        version = registry.add_shipped(folder)
        print_line(f"{folder} has {version}; {registry.current(folder)} is current")
    except RegistryError as error:
        raise SetupError(str(error)) from error


@app.command("list")
def list_(json: Json = False) -> None:
    """The versions in the registry."""
    settings = load()
    manifests, current = _manifests(settings)
    if json:
        print_line(_json({"current": current, "models": manifests}))
        return
    table = Table()
    for column in ("version", "track", "made", "AUC", "threshold", ""):
        table.add_column(column, justify="right" if column in ("AUC", "threshold") else "left", no_wrap=True)
    for each in manifests:
        auc = each.metrics.get("auc_test")
        mark = "current" if each.version == current else ""
        cells = (each.track, each.created_at, "" if auc is None else f"{auc:.4f}", f"{each.threshold:.4f}", mark)
        table.add_row(escape(each.version), *cells)
    TerminalConsole().print(table)
    print_line(f"registry: {_folder(settings)}")


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="A version; none: the current one.")] = "", json: Json = False
) -> None:
    """Everything that is known of a version, and its model card."""
    folder = _folder(load())
    try:
        version = version or registry.current(folder)
        manifest, card = registry.manifest(folder, version), registry.card(folder, version)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    if json:
        print_line(_json(manifest))
        return
    table = Table(show_header=False)
    for name, value in msgspec.to_builtins(manifest).items():
        if name != "metrics":
            table.add_row(name, escape(str(value)))
    for name, value in manifest.metrics.items():
        table.add_row(escape(name), f"{value:.6g}")
    TerminalConsole().print(table)
    print_line(card)


@app.command()
def compare(first: Version, second: Version, json: Json = False) -> None:
    """Two versions, metric by metric, each on the test data of its own training."""
    folder = _folder(load())
    try:
        one, other = registry.manifest(folder, first), registry.manifest(folder, second)
    except RegistryError as error:
        raise SetupError(str(error)) from error
    names = list(dict.fromkeys([*one.metrics, *other.metrics]))
    if json:
        print_line(_json({"metrics": {name: [one.metrics.get(name), other.metrics.get(name)] for name in names}}))
        return
    table = Table()
    for column in ("", escape(first), escape(second), "difference"):
        table.add_column(column, justify="right" if column else "left")
    for name in names:
        a, b = one.metrics.get(name), other.metrics.get(name)
        moved = "" if a is None or b is None else f"{b - a:+.6f}"
        table.add_row(escape(name), *("" if value is None else f"{value:.6f}" for value in (a, b)), moved)
    for name in ("track", "threshold", "bands", "created_at", "code_version"):
        table.add_row(name, *(escape(str(getattr(each, name))) for each in (one, other)), "")
    TerminalConsole().print(table)
    if one.data_sha256 != other.data_sha256:
        print_line("they were trained and tested on different data, so the metrics do not compare like with like")


@app.command()
def export(
    version: Version,
    browser: Annotated[bool, typer.Option("--browser", help="For the runtime in the page, tracker.model.mjs.")] = False,
    out: Annotated[Path, typer.Option(help="The folder; it is made where there is none.")] = Path("browser-models"),
    weights: Annotated[
        WeightsKind, typer.Option(help="How the large matrices are stored; int8 is half as large, and less exact.")
    ] = "float16",
    json: Json = False,
) -> None:
    """Writes a version for the browser: a head (JSON) and its weights, compared with onnxruntime before."""
    from scoring.browser.export import export as exported
    from scoring.browser.export import integrity

    if not browser:
        raise SetupError("there is one export, for browsers: opecom models export --browser VERSION")
    folder = _folder(load())
    try:
        made = exported(registry.graph_of(folder, version), registry.manifest(folder, version), weights)
    except ModelError as error:
        raise SetupError(f"model {version} was not exported: {error}") from error
    try:
        # The head last: what it names is there.
        write(out / made.weights_name, made.weights)
        write(out / made.head_name, made.head)
    except RegistryError as error:
        raise SetupError(f"cannot write into {out}: {error.__cause__}: give another folder with --out") from error
    size = sum(len(gzip.compress(each, 9, mtime=0)) for each in (made.head, made.weights))
    head = {"head": str(out / made.head_name), "integrity": integrity(made.head)}
    if json:
        print_line(
            _json({**head, "weights": str(out / made.weights_name), "gzipped_bytes": size, "parity": made.parity})
        )
        return
    parity = made.parity
    print_line(f"{head['head']} (integrity {head['integrity']})")
    print_line(f"{out / made.weights_name}; both {size / 1000:.1f} kB gzipped")
    print_line(
        f"{parity.rows:,} drawn sessions: at most {parity.max_difference:.2g} from the served probability, "
        f"{parity.same_top_reason:.1%} with the same first reason"
    )


@app.command()
def shadow(
    version: Version,
    site: Annotated[str, typer.Option(help="One site; none: all.")] = "",
    days: Days = 7,
    until: Until = None,
    against: Annotated[str, typer.Option(help="A version; none: those that the log put in force.")] = "",
    source: FromSource = "kafka",
    json: Json = False,
) -> None:
    """Folds the recent log with a version and compares its scores with those in force; live traffic is not touched."""
    # Here, so that no other command of this group loads clients of databases.
    from deploy import gate
    from deploy.terminal import shadow_gate
    from deploy.terminal.shadows import print_shadow

    settings = _running()
    request = gate.last_days(version, days, _until(until), site, against, source)
    report, refusals = shadow_gate.judged(settings, request, TerminalConsole(stderr=json))
    if json:
        print_line(_json({"shadow": report, "refusals": refusals}))
    else:
        print_shadow(TerminalConsole(), report, refusals)


@app.command()
def promote(
    version: Version,
    gated: Annotated[bool, typer.Option("--gated", help="Only if its shadow passes the gate.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --gated: also if not; the reasons are kept.")] = False,
    site: Annotated[
        str, typer.Option(help="The site that it scores; its shadow is of it, or of its run: shop~2025.")
    ] = "",
    days: Days = 7,
    until: Until = None,
    source: FromSource = "kafka",
) -> None:
    """Puts a version in force, from here on in the log; workers take it without a restart."""
    # Here, so that no other command of this group loads a Kafka client.
    from deploy import promote as promotion

    if force and not gated:
        raise SetupError("--force overrules the gate: add --gated, or leave both away to promote without it")
    settings = _running()
    _check_site(settings, site)
    if not gated:
        done = asyncio.run(promotion.promote(settings, version, site=base_site(site)))
        _print_promotion(settings, done)
        return
    from deploy import gate
    from deploy.terminal import shadow_gate

    before = asyncio.run(promotion.version_in_force(settings, base_site(site)))
    request = gate.last_days(version, days, _until(until), site, before, source)
    report, refusals = shadow_gate.judged(settings, request, TerminalConsole())
    done = asyncio.run(gate.promote_judged(settings, version, report, refusals, force, base_site(site)))
    for each in refusals:
        print_line(f"the gate refused {version}, and it was promoted all the same: {each}")
    _print_promotion(settings, done)


@app.command()
def rollback(
    site: Annotated[str, typer.Option(help="The site; none: all that have no model of their own.")] = "",
) -> None:
    """Puts the version in force again that was before the last promotion."""
    from deploy import promote as promotion

    settings = _running()
    _check_site(settings, site)
    _print_promotion(settings, asyncio.run(promotion.roll_back(settings, site=base_site(site))))


def _check_site(settings: Settings, site: str) -> None:
    known = sites_of(settings)
    if site and base_site(site) not in known:
        raise SetupError(f"there is no site {site}: sites are {', '.join(sorted(known))} (`opecom sites list`)")


@app.command()
def learning(
    site: Annotated[str, typer.Option(help="One site; none: all.")] = "",
    json: Json = False,
) -> None:
    """What the learner did for each site, and why."""
    from deploy.terminal.learning import print_learning
    from deploy.terminal.query_client import QueryApi, read
    from deploy.wiring.keys import admin_key

    settings = load()
    api = QueryApi.of(settings)
    body = read(api, "/learning", {"site": site}, admin_key(settings))
    if json:
        print_line(body.decode())
    else:
        print_learning(TerminalConsole(), body)


def _print_promotion(settings: Settings, done: Promotion) -> None:
    version, before = done.version or "the common model", done.before or "the common model"
    of_site = f" for site {done.site}" if done.site else ""
    print_line(f"{version} is in force{of_site} from here on in all partitions; before it: {before}")
    if not done.site and settings.scoring.model not in ("", done.version):
        print_line(
            f"scoring.model still says {settings.scoring.model}: a new log and the prediction API begin with that one"
        )


def _manifests(settings: Settings) -> tuple[list[Manifest], str]:
    """All manifests, and the version that scores where the log says nothing."""
    folder = _folder(settings)
    try:
        return registry.manifests(folder), settings.scoring.model or registry.current(folder)
    except RegistryError as error:
        raise SetupError(str(error)) from error


def _folder(settings: Settings) -> Place:
    try:
        return writable_registry(settings.scoring)
    except RegistryError as error:
        raise SetupError(str(error)) from error


def _until(text: str | None) -> int | None:
    from deploy.cli.replay import moment

    return None if text is None else moment("--until", text, 0)


def _running() -> Settings:
    silence_libraries()
    return as_running(load())


def _json(answer: object) -> str:
    return msgspec.json.encode(answer).decode()
