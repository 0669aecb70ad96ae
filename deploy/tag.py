"""The script tag that a site pastes into its pages."""

from html import escape

from deploy.errors import SetupError
from deploy.settings import Settings
from ingest import script


def public_url(settings: Settings) -> str:
    """The address under which browsers reach the ingest API, without its prefix."""
    ingest = settings.ingest
    return ingest.public_url or f"http://{ingest.host}:{ingest.port}"


def script_tag(settings: Settings, site: str, key: str = "", pinned: bool = False) -> str:
    """The tag of `site`; `key` is a write key, else the first one that the settings have.

    A pinned tag names exactly this release by hash and integrity: the browser runs nothing else, so the tag is to be
    pasted anew with each release. Raises SetupError for a site that the settings do not know, if no key is given.
    """
    if not key:
        if site not in settings.sites:
            raise SetupError(f"there is no site {site}: `opecom settings` lists them (sites.{site})")
        key = next(iter(settings.sites[site].write_keys), "")
    served, url = script.read(settings.ingest.script_path), public_url(settings)
    attributes = {"src": url + (served.pinned_path if pinned else served.path)}
    if pinned:
        attributes |= {"integrity": served.script.integrity, "crossorigin": "anonymous"}
    attributes |= {"data-api": url + settings.ingest.prefix, "data-key": key, "data-site": site}
    said = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f"<script defer {said}></script>"
