"""`opecom services`: Apache Kafka and MariaDB as programs of the user."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.failures import naming_the_setting
from deploy.errors import PortTakenError
from deploy.services import stack
from deploy.settings.model import Settings, load, user_cache, variable
from deploy.terminal.plain import print_line

app = typer.Typer(help="Apache Kafka and MariaDB as programs of the user, from Maven.", no_args_is_help=True)


@app.command()
def up(env: Annotated[bool, typer.Option("--env", help="Prints variables for a shell, nothing else.")] = False) -> None:
    """Starts Kafka and MariaDB, where they do not run, and prints the settings that use them."""
    settings = load()
    services = settings.services
    if not env:
        print_line("starting Kafka and MariaDB (the first time, Maven downloads 200 MB) ...", flush=True)
    try:
        started = stack.up(
            folder(settings), services.cache_dir or user_cache(), services.kafka_port, services.mariadb_port
        )
    except PortTakenError as error:
        raise naming_the_setting(error, settings) from None
    print_settings(started, env)


@app.command()
def down() -> None:
    """Stops Kafka and MariaDB; their data stays."""
    stopped = stack.down(folder(load()))
    print_line(f"stopped {' and '.join(stopped)}" if stopped else "nothing ran")


@app.command()
def status(env: Annotated[bool, typer.Option("--env", help="Prints variables for a shell.")] = False) -> None:
    """Says what runs, and with which settings to use it; ends with code 1 unless both run."""
    where = folder(load())
    running = stack.status(where)
    known = stack.read(where)
    if not env:
        for name, pid in running.items():
            print_line(f"{name}: {f'runs, pid {pid}' if pid else 'does not run'}")
    if known and all(running.values()):
        print_settings(known, env)
        return
    raise typer.Exit(1)


def folder(settings: Settings) -> Path:
    """Where the services keep their data."""
    return settings.services.folder or settings.data_dir / "services"


def print_settings(started: stack.Stack, env: bool) -> None:
    """As `export` lines, or as lines of opecom.toml."""
    values = started.settings()
    if env:
        for name, value in values.items():
            print_line(f"export {variable(name)}={shlex.quote(value)}")
        return
    print_line('Run the system on them with these lines in opecom.toml, or `eval "$(opecom services status --env)"`:\n')
    for name, value in values.items():
        print_line(f"{name} = {json.dumps(value)}")
