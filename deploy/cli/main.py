"""The `opecom` command: every group of subcommands is mounted here."""

import typer

app = typer.Typer(
    name="opecom",
    help="Real-time purchase intent on your own servers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Real-time purchase intent on your own servers."""


def main() -> None:
    app()
