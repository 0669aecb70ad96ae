"""The script tag that a site pastes into its pages."""

from html import escape

from deploy.errors import SetupError
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from ingest import script


def public_url(settings: Settings) -> str:
    """The address under which browsers reach the ingest API, without its prefix."""
    ingest = settings.ingest
    return ingest.public_url or f"http://{ingest.host}:{ingest.port}"


def script_tag(settings: Settings, site: str, key: str = "", pinned: bool = False) -> str:
    """The tag of `site`; `key` is a write key, else the first one of the site.

    A pinned tag names exactly this release by hash and integrity: the browser runs nothing else, so the tag is to be
    pasted anew with each release. Raises SetupError for a site that is not known, if no key is given.
    """
    if not key:
        known = sites_of(settings)
        if site not in known:
            raise SetupError(f"there is no site {site}: `opecom sites add {site}` makes it")
        key = next(iter(known[site].write_keys), "")
    served, url = script.read(settings.ingest.script_path), public_url(settings)
    attributes = {"src": url + (served.pinned_path if pinned else served.path)}
    if pinned:
        attributes |= {"integrity": served.script.integrity, "crossorigin": "anonymous"}
    attributes |= {"data-api": url + settings.ingest.prefix, "data-key": key, "data-site": site}
    said = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f"<script defer {said}></script>"
