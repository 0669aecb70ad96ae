"""`opecom tag`: the script tag of a site."""

from typing import Annotated, Literal

import typer

from deploy.errors import SetupError
from deploy.http.tag import PrivateTag, TagOptions, content_security_policy, script_tag
from deploy.settings.model import load
from deploy.terminal.plain import print_line

Mode = Literal["normal", "private", "auto"]


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
    mode: Annotated[
        Mode, typer.Option(help="private: the page scores by itself and sends nothing; auto: nothing before consent.")
    ] = "normal",
    model: Annotated[
        str, typer.Option(help="With --mode: address of what `opecom models export` wrote, its JSON.")
    ] = "",
    model_integrity: Annotated[str, typer.Option(help="With --model: its hash, as the export says it.")] = "",
    statistics: Annotated[
        str, typer.Option(help="With --mode: address of what `opecom pages export` wrote for the site.")
    ] = "",
) -> None:
    """Prints the script tag that starts the tracker on a site's pages."""
    settings = load()
    private = None
    if mode != "normal":
        if not model:
            raise SetupError(f"--mode {mode} needs --model, the address of what `opecom models export --browser` wrote")
        if tag_manager:
            raise SetupError(f"--mode {mode} reads data attributes alone: leave --tag-manager out")
        private = PrivateTag(mode, model, model_integrity, statistics)
    elif model or model_integrity or statistics:
        raise SetupError("--model, --model-integrity and --statistics go with --mode private or --mode auto")
    options = TagOptions(
        pinned, stub, tag_manager, cookie_domain, tuple(link_domains or ()), "dataLayer" if datalayer else "", private
    )
    print_line(script_tag(settings, site, key, options))
    if csp:
        allowed = "; ".join(f"{name} {sources}" for name, sources in content_security_policy(settings).items())
        print_line(f"<!-- Content-Security-Policy: {allowed} -->")
