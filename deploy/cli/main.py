"""The `opecom` command: every group of subcommands is mounted here, and a failure that can be mended is a line."""

import sys

import typer

from deploy.cli import (
    asyncapi,
    bench,
    demo,
    doctor,
    failures,
    features,
    keys,
    migrate,
    models,
    pages,
    query,
    replay,
    run,
    score,
    services,
    settings,
    simulate,
    sites,
    subscribe,
    tag,
    topics,
    train,
    up,
    visitors,
    webhooks,
)
from deploy.errors import SetupError

app = typer.Typer(
    name="opecom",
    help="Real-time purchase intent on your own servers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("bench")(bench.bench)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings.settings)
app.command("up")(up.up)
app.command("topics")(topics.topics)
app.command("migrate")(migrate.migrate)
app.command("asyncapi")(asyncapi.asyncapi)
app.command("tag")(tag.tag)
app.command("subscribe")(subscribe.subscribe)
app.command("replay")(replay.replay)
app.command("features")(features.features)
app.command("score")(score.score)
app.command("train")(train.train)
app.add_typer(query.app, name="query")
app.add_typer(pages.app, name="pages")
app.add_typer(models.app, name="models")
app.add_typer(sites.app, name="sites")
app.add_typer(keys.app, name="keys")
app.add_typer(simulate.app, name="simulate")
app.add_typer(visitors.app, name="visitors")
app.add_typer(services.app, name="services")
app.add_typer(webhooks.app, name="webhooks")


@app.callback()
def root() -> None:
    """Real-time purchase intent on your own servers."""


def main() -> None:
    try:
        app()
    except failures.EXPLAINED as error:
        said = failures.lines(error)
        if said is None:
            raise
        for line in said:
            print(f"opecom: {line}", file=sys.stderr)
        sys.exit(error.exit_code if isinstance(error, SetupError) else SetupError.exit_code)
