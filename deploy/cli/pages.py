"""`opecom pages`: what pages are worth, why, and from where."""

import asyncio
import gzip
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import typer

from deploy.errors import SetupError
from deploy.log import controls
from deploy.processes.audit_file import audited
from deploy.processes.data_folder import as_running
from deploy.settings.access_file import sites_of
from deploy.settings.model import SIMULATED_SITES, Settings, load
from deploy.terminal import pages as page_tables
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, call_api, read
from deploy.wiring.keys import admin_key, read_key
from ingest.enrich import UrlRules, page
from scoring.csv_text import EncodingError, decoded
from scoring.folder import RegistryError, write
from storage.pages import browser_file, ga
from storage.pages.ga_headers import HEADERS
from storage.pages.refresh import Explained, PagesInForce, Refreshed, describe
from stream.fold.pages import MOST_PAGES, HeldPages
from stream.fold.path_patterns import PathPatterns
from stream.kafka.client_log import silence_libraries

app = typer.Typer(help="Page statistics: bounce rate, exit rate and value of each page.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Site = Annotated[str, typer.Option(help="The site; may be left out where there is one.")]


@app.command()
def refresh(
    whole: Annotated[bool, typer.Option("--whole", help="Writes all pages, not only those that moved.")] = False,
    json: Json = False,
) -> None:
    """Counts the closed sessions of the last 30 days now, and puts what changed in force."""
    body = _posted("/pages/refresh", {"whole": whole})
    found = msgspec.json.decode(body, type=Refreshed)
    line = f"version {found.version}: {found.pages:,} pages counted, {found.written:,} rows written"
    if found.pinned:
        line = f"version {found.version} was put back and stays: `opecom pages release` lets refreshes go on"
    print_line(body.decode() if json else line)
    if not json:
        _print_held(found.held)


@app.command()
def restore(version: Annotated[int, typer.Argument(min=1, help="The version, as `show` says it.")]) -> None:
    """Puts the statistics as of an earlier version in force again; refreshes leave them until `release`."""
    found = _post("/pages/restore", {"version": version})
    print_line(
        f"version {found.version}: as of version {version}, {found.written:,} rows written; refreshes leave it alone"
    )


@app.command()
def release(
    site: Annotated[str, typer.Option(help="What is held of this site alone; none: all, and what was put back.")] = "",
) -> None:
    """Counts now, and puts in force what refreshes hold; lets them go on after `restore`."""
    found = _post("/pages/refresh", {"release": True, "site": site})
    if found.pinned:
        raise SetupError(
            f"--site {site}: version {found.version} was put back for all sites: leave --site out to let them go on"
        )
    print_line(f"version {found.version}: {found.pages:,} pages counted, {found.written:,} rows written")
    _print_held(found.held)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A page export of Google Analytics, as CSV.")],
    site: Site = "",
    locale: Annotated[
        str,
        typer.Option(help="How numbers are written: en has a decimal point, de a comma; none: as all show."),
    ] = "",
    encoding: Annotated[str, typer.Option(help="Such as cp1252; none: UTF-8 or UTF-16, as the file shows.")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(help="KIND=NAME for a column of another name; a KIND is page, views, bounce, exit or value."),
    ] = None,
) -> None:
    """Takes the statistics of a page export of Google Analytics, and puts them in force."""
    silence_libraries()
    settings = as_running(load())
    name = site_named(settings, site)
    site_settings = sites_of(settings)[name]
    rules, patterns = UrlRules(frozenset(site_settings.allowed_query)), PathPatterns(site_settings.path_patterns)
    try:
        lines = decoded(file.read_bytes(), "--encoding", encoding).splitlines(keepends=True)
        path_of = partial(_path, rules=rules, patterns=patterns)
        rows = ga.read(lines, name, path_of, locale, _columns(column or []))
    except (ga.PagesExportError, EncodingError) as error:
        raise SetupError(f"{file}, {error}") from None
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error}") from None
    if len(rows) > MOST_PAGES:
        raise SetupError(
            f"{file} has {len(rows):,} pages, a site keeps {MOST_PAGES:,}: put families of paths, such as /order/*, "
            f"into sites.{name}.path_patterns"
        )
    rows = [msgspec.structs.replace(row, pattern=row.path in patterns.texts) for row in rows]
    with audited(settings, "pages import", name, f"{len(rows)} pages"):
        version = asyncio.run(controls.put_pages(settings.kafka, rows))
    print_line(f"version {version}: the statistics of {len(rows):,} pages of {name} are in force from here on")


@app.command()
def export(
    browser: Annotated[Path, typer.Option(help="The file, for pages that score by themselves: docs/private-mode.md.")],
    site: Site = "",
    most: Annotated[
        int,
        typer.Option(min=0, max=MOST_PAGES, help="Most pages with statistics of their own: those of most sessions."),
    ] = browser_file.MOST_PAGES,
) -> None:
    """Writes a site's statistics in force, calendar and path rules as one public file for browsers."""
    # Here, as no other command of this group folds.
    from deploy.wiring.browser_file import read_browser_file

    silence_libraries()
    settings = as_running(load())
    name = site_named(settings, site)
    made = read_browser_file(settings, name, most)
    content = msgspec.json.encode(made) + b"\n"
    try:
        write(browser, content)
    except RegistryError as error:
        raise SetupError(f"cannot write {browser}: {error.__cause__}: give another file with --browser") from error
    size = len(gzip.compress(content, 9, mtime=0)) / 1000
    print_line(f"{browser}: {len(made.pages):,} rows of {name}, version {made.version}; {size:.1f} kB gzipped")


def _print_held(held: Sequence[HeldPages]) -> None:
    for each in held:
        print_line(describe(each))


def _post(path: str, query: dict[str, Any]) -> Refreshed:
    return msgspec.json.decode(_posted(path, query), type=Refreshed)


def _posted(path: str, query: dict[str, Any]) -> bytes:
    settings = load()
    return call_api(QueryApi.of(settings), "POST", f"{path}?{urlencode(query)}", b"{}", admin_key(settings))


def _columns(given: Sequence[str]) -> dict[str, str]:
    """The names of columns by their kind; raises SetupError."""
    columns = {}
    for each in given:
        kind, equals, name = each.partition("=")
        if kind not in HEADERS or not equals or not name.strip():
            raise SetupError(f"--column {each[:80]}: say KIND=NAME, the kind one of {', '.join(HEADERS)}")
        columns[kind] = name
    return columns


@app.command()
def show(
    site: Annotated[str, typer.Option(help="One site; none: all.")] = "",
    version: Annotated[int | None, typer.Option(help="A version; none: the newest.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most pages.")] = 50,
    json: Json = False,
) -> None:
    """The statistics in force, the most valuable page first."""
    settings = load()
    body = read(QueryApi.of(settings), "/pages", {"site": site or None, "version": version}, read_key(settings))
    if json:
        print_line(body.decode())
    else:
        found = msgspec.json.decode(body, type=PagesInForce)
        TerminalConsole().print(page_tables.pages_table(found, limit))
        _print_held(found.held)


@app.command()
def explain(
    path: Annotated[str, typer.Argument(help="The page, as its events say it: /products/42.")],
    site: Site = "",
    json: Json = False,
) -> None:
    """How a page's statistics come about: its counts, the site's means, and both together."""
    settings = load()
    wanted = {"site": site_named(settings, site), "path": path}
    body = read(QueryApi.of(settings), "/pages/explain", {**wanted}, read_key(settings))
    if json:
        print_line(body.decode())
    else:
        TerminalConsole().print(page_tables.page_table(msgspec.json.decode(body, type=Explained)))


def _path(url: str, rules: UrlRules, patterns: PathPatterns) -> str:
    path = page(url, None, None, rules).path
    return patterns.of(path) or path


def site_named(settings: Settings, given: str) -> str:
    """The site that is given, or the only one of the installation's own; raises SetupError."""
    known = sites_of(settings)
    if given:
        if given not in known:
            raise SetupError(f"--site {given}: the sites are {', '.join(known)}")
        return given
    own = [name for name in known if name not in SIMULATED_SITES]
    if len(own) != 1:
        raise SetupError(f"--site: say which, of {', '.join(known)}")
    return own[0]
