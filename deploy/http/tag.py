"""The script tag that a site pastes into its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import urlencode

from deploy.errors import SetupError
from deploy.processes.probes import ProbeAddress
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from ingest import script


@dataclass(frozen=True, slots=True)
class PrivateTag:
    """A tag of docs/private-mode.md: addresses of the exported model's head, with its hash if that is to be checked,
    and of the site's file.
    """

    mode: Literal["private", "auto"]
    model: str
    model_integrity: str = ""
    statistics: str = ""


@dataclass(frozen=True, slots=True)
class TagOptions:
    """What a tag has beside its site.

    `pinned` names exactly this release by hash and integrity: the browser runs nothing else, so the tag is to be pasted
    again with each release. `has_stub` puts the stub before the tag, which keeps the calls until the script has come.
    `in_address` puts the settings into the script's address, for tag managers that take data attributes away.
    `cookie_domain` and `link_domains` are for sites on several hosts. `datalayer` is the name of the array of the page
    that Google's tags read: its entries count too. `private`: the page scores by itself, and sends nothing or nothing
    before consent.
    """

    pinned: bool = False
    has_stub: bool = True
    in_address: bool = False
    cookie_domain: str = ""
    link_domains: Sequence[str] = ()
    datalayer: str = ""
    private: PrivateTag | None = None


DEFAULT_OPTIONS = TagOptions()


def public_url(settings: Settings) -> str:
    """The address under which browsers reach the ingest API, without its prefix."""
    ingest = settings.ingest
    return ingest.public_url or ProbeAddress.reached(ingest.host, ingest.port).url


def script_tag(settings: Settings, site: str, key: str = "", options: TagOptions = DEFAULT_OPTIONS) -> str:
    """The tag of `site`, after its stub; `key` is a write key, else the first one of the site.

    Raises SetupError for a site that is not known, if no key is given.
    """
    if not key:
        known = sites_of(settings)
        if site not in known:
            raise SetupError(f"there is no site {site}: `opecom sites add {site}` makes it")
        key = next(iter(known[site].write_keys), "")
    served, url = script.read(settings.ingest.script_path), public_url(settings)
    private = options.private
    if private is None:
        file, path = served.script, served.pinned_path if options.pinned else served.path
    else:
        file, path = served.private, served.pinned_private_path if options.pinned else served.private_path
    source = url + path
    given = {
        "api": url + settings.ingest.prefix,
        "key": key,
        "site": site,
        "cookie-domain": options.cookie_domain,
        "link-domains": " ".join(options.link_domains),
        "datalayer": options.datalayer,
    }
    if private is not None:
        given |= {"mode": private.mode, "model": private.model, "model-integrity": private.model_integrity}
        given["statistics"] = private.statistics
    given = {name: value for name, value in given.items() if value}
    if options.in_address:
        attributes = {"src": f"{source}?{urlencode(given)}"}
    else:
        attributes = {"src": source} | {f"data-{name}": value for name, value in given.items()}
    if options.pinned:
        attributes |= {"integrity": file.integrity, "crossorigin": "anonymous"}
    stub = f"<script>{served.inline_stub}</script>\n" if options.has_stub else ""
    kind = "async" if private is None else 'async type="module"'
    return f"{stub}<script {kind} {_written(attributes)}></script>"


def content_security_policy(settings: Settings) -> Mapping[str, str]:
    """What a page's policy must allow for the tag: its directives, with the sources of each."""
    url = public_url(settings)
    return {"script-src": f"{script.read(settings.ingest.script_path).stub_hash} {url}", "connect-src": url}


def _written(attributes: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
