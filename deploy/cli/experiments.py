"""`opecom experiments`: experiments on a site."""

import typer

from deploy.cli.experiments_plan import plan

app = typer.Typer(
    help="Experiments: does acting on intent pay, and how many visitors does it take to know?", no_args_is_help=True
)
app.command()(plan)


@app.callback()
def root() -> None:
    """A callback makes Typer take a single command as one of a group."""
