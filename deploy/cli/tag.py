"""`opecom tag`: the script tag of a site."""

from typing import Annotated

import typer

from deploy.http.tag import script_tag
from deploy.settings.model import load


def tag(
    site: Annotated[str, typer.Option(help="The site whose pages get the tag.")] = "default",
    key: Annotated[str, typer.Option(help="A write key of the site; none: the first of the settings.")] = "",
    pinned: Annotated[
        bool, typer.Option("--pinned", help="With hash and integrity: to be pasted anew with each release.")
    ] = False,
) -> None:
    """Prints the script tag that starts the tracker on a site's pages."""
    print(script_tag(load(), site, key, pinned))
