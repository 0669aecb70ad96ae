"""`opecom tag`: the script tag of a site."""

from typing import Annotated

import typer

from deploy.http.tag import TagOptions, content_security_policy, script_tag
from deploy.settings.model import load
from deploy.terminal.plain import print_line


def tag(
    site: Annotated[str, typer.Option(help="The site whose pages get the tag.")] = "default",
    key: Annotated[str, typer.Option(help="A write key of the site; none: the first of the settings.")] = "",
    pinned: Annotated[
        bool, typer.Option("--pinned", help="With hash and integrity: to be pasted again with each release.")
    ] = False,
    stub: Annotated[
        bool, typer.Option(help="A few lines before the tag that keep the page's calls until the script has come.")
    ] = True,
    csp: Annotated[
        bool, typer.Option("--csp", help="Also prints what a strict Content-Security-Policy must allow.")
    ] = False,
    tag_manager: Annotated[
        bool, typer.Option("--tag-manager", help="With the settings in the address, where data- attributes get lost.")
    ] = False,
    cookie_domain: Annotated[
        str, typer.Option(help="One visitor on all hosts of this domain, such as shop.example, by one cookie.")
    ] = "",
    link_domains: Annotated[
        list[str] | None, typer.Option(help="One visitor on these other domains too, by links; may be repeated.")
    ] = None,
    datalayer: Annotated[
        bool, typer.Option("--datalayer", help="Counts what the page tells Google's tags in its dataLayer, too.")
    ] = False,
) -> None:
    """Prints the script tag that starts the tracker on a site's pages."""
    settings = load()
    options = TagOptions(
        pinned, stub, tag_manager, cookie_domain, tuple(link_domains or ()), "dataLayer" if datalayer else ""
    )
    print_line(script_tag(settings, site, key, options))
    if csp:
        allowed = "; ".join(f"{name} {sources}" for name, sources in content_security_policy(settings).items())
        print_line(f"<!-- Content-Security-Policy: {allowed} -->")
