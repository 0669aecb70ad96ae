"""The `opecom` command: its subcommands, each imported when it is called; a failure that can be fixed is a line."""

import os
import sys

import typer

from deploy.cli.lazy import CommandSource, LazyGroup
from deploy.errors import SetupError
from deploy.processes.private_files import create_privately
from deploy.terminal.plain import print_line

# Our matrices are small, and the parts share the cores: a second thread of OpenBLAS waits by spinning, which costs ten
# times the CPU where a core is busy. It is read when numpy is imported, which no command has done yet.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: The first sentence of each command's docstring or help, which a test compares.
COMMANDS = {
    "run": CommandSource("deploy.cli.run:run", "Runs one part of the system until SIGTERM or Ctrl-C."),
    "bench": CommandSource(
        "deploy.cli.bench:bench",
        "Measures a part: Kafka is real, the CPU of all processes of the part counts, every record is read back.",
    ),
    "capacity": CommandSource(
        "deploy.cli.capacity:capacity",
        "Says what a load takes: cores, memory, disk, partitions and machines, from measured figures.",
    ),
    "chaos": CommandSource(
        "deploy.cli.chaos:chaos",
        "Injects faults into a system of its own, and ends with code 1 where anything was lost or doubled.",
    ),
    "demo": CommandSource(
        "deploy.cli.demo:demo",
        "Sends sessions through the running system (started for it if none runs), shows live scores, and checks them.",
    ),
    "doctor": CommandSource(
        "deploy.cli.doctor:doctor",
        "Checks services, topics, schema, versions, clocks, disk and parts; ends with code 1 where one is at fault.",
    ),
    "settings": CommandSource(
        "deploy.cli.settings:settings", "Prints the settings in force, secrets hidden, in the form of opecom.toml."
    ),
    "up": CommandSource(
        "deploy.cli.up:up", "Runs the whole system on this machine until Ctrl-C, and starts again what dies."
    ),
    "topics": CommandSource(
        "deploy.cli.topics:topics",
        "Makes the topics, fixes their settings, and refuses what it cannot fix; folds failed events again; gives each "
        "part its rights in Kafka.",
    ),
    "migrate": CommandSource(
        "deploy.cli.migrate:migrate", "Brings both databases to the newest schema; safe to repeat."
    ),
    "openapi": CommandSource(
        "deploy.cli.openapi:openapi",
        "Prints the OpenAPI 3.1 document of the query API, which it serves at /openapi.json.",
    ),
    "asyncapi": CommandSource(
        "deploy.cli.asyncapi:asyncapi",
        "Prints the AsyncAPI 3 document of the Kafka topics, which the query API serves at /asyncapi.json.",
    ),
    "tag": CommandSource("deploy.cli.tag:tag", "Prints the script tag that starts the tracker on a site's pages."),
    "subscribe": CommandSource("deploy.cli.subscribe:subscribe", "Follows scored sessions as they come, until Ctrl-C."),
    "replay": CommandSource(
        "deploy.cli.replay:replay", "Folds the stored log again and writes what comes of it, beside live traffic."
    ),
    "import": CommandSource(
        "deploy.cli.import_:import_",
        "Brings a shop's history from files: sorted by time, checked row by row, sent once.",
    ),
    "features": CommandSource(
        "deploy.cli.features:app",
        "Writes one row per update of every closed session: the features as they were then, and the final outcome.",
    ),
    "drift": CommandSource(
        "deploy.cli.drift:drift", "Compares the sessions of a window with those of the days before it."
    ),
    "audit": CommandSource(
        "deploy.cli.audit:audit", "Exports who changed what: by commands of this data folder, and over HTTP."
    ),
    "score": CommandSource(
        "deploy.cli.score:score", "Scores every row of a file; where one cannot be used, nothing is written."
    ),
    "train": CommandSource(
        "deploy.cli.train:train",
        "Trains TabM and its baselines, evaluates them, and registers the models that can be served.",
    ),
    "learn": CommandSource(
        "deploy.cli.learn:learn",
        "Learns a model from a site's own sessions and registers it as a candidate, with a report; promotes nothing.",
    ),
    "query": CommandSource("deploy.cli.query:app", "Asks the query API."),
    "pages": CommandSource("deploy.cli.pages:app", "Page statistics: bounce rate, exit rate and value of each page."),
    "models": CommandSource(
        "deploy.cli.models:app", "Versions of the model: what there is, what scores, what scored before."
    ),
    "sites": CommandSource("deploy.cli.sites:app", "Sites: whose events are taken, from which pages, with which keys."),
    "keys": CommandSource("deploy.cli.keys:app", "Secret keys: who may read, export and administer, of which sites."),
    "simulate": CommandSource("deploy.cli.simulate:app", "Sends sessions through the running system."),
    "experiments": CommandSource(
        "deploy.cli.experiments:app", "Experiments: who is in which arm, from when to when; and hold-outs of sites."
    ),
    "interventions": CommandSource(
        "deploy.cli.interventions:app",
        "Interventions: rules that act on a session, once, at the moment that they name.",
    ),
    "visitors": CommandSource(
        "deploy.cli.visitors:app", "Everything that is held of a visitor: to give to it, or to forget."
    ),
    "retention": CommandSource(
        "deploy.cli.retention:app", "Retention: rows of visitors that are older than a site keeps them."
    ),
    "services": CommandSource(
        "deploy.cli.services:app", "Apache Kafka and MariaDB as programs of the user, from Maven."
    ),
    "webhooks": CommandSource(
        "deploy.cli.webhooks:app", "Requests to your server when a session crosses into another band."
    ),
}


class OpecomGroup(LazyGroup):
    """The subcommands of `opecom`."""

    sources = COMMANDS


app = typer.Typer(name="opecom", cls=OpecomGroup, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """Real-time purchase intent on your own servers."""
    create_privately()


def main() -> None:
    try:
        app()
    except Exception as error:
        # Here, as explaining a failure needs the settings' library, and most commands do not fail.
        from deploy.cli import failures

        explained = failures.lines(error)
        if explained is None:
            raise
        for line in explained:
            print_line(f"opecom: {line}", error=True)
        sys.exit(error.exit_code if isinstance(error, SetupError) else SetupError.exit_code)
