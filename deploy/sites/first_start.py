"""The keys of a first start: made where there are none, shown once."""

from deploy.http.tag import script_tag
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import Settings
from deploy.sites import changes as access_changes

#: The site that is shipped, and the name of the first key.
SITE, KEY = "default", "first"


def first_keys(settings: Settings) -> list[str]:
    """Make a write key and an admin key on the embedded profile; the lines for the user, none where keys exist.

    Raises SetupError where they cannot be kept.
    """
    path = place(settings)
    if settings.profile != "embedded" or path.exists() or _has_keys(settings):
        return []
    write = access_changes.add_site(settings, SITE, [], {})
    admin = access_changes.add_key(settings, KEY, {"admin"}, None)
    return [
        f"first start: keys are made, and kept in {path}",
        f"  write key      {write}  (public, of the site {SITE})",
        f"  admin key      {admin}  (shown this once; /admin, exports and replays need it)",
        f"  tag to paste   {script_tag(settings, SITE, write)}",
        f"  your shop's    opecom sites add {SITE} --origin https://your-shop.example",
    ]


def _has_keys(settings: Settings) -> bool:
    sites = sites_of(settings, read(place(settings)))
    return (
        SITE not in sites
        or bool(settings.api.read_keys or settings.api.admin_keys)
        or any(site.write_keys for site in sites.values())
    )
