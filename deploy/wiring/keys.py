"""Keys that the embedded profile makes for itself, kept in its data folder with mode 0600."""

import os
import secrets

from deploy.errors import SetupError
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings, SiteSettings, variable


def import_key(settings: Settings, site: str) -> str:
    """A site's key of scope import: from the settings, else from the data folder, made at first use.

    Raises SetupError outside the embedded profile, where only the settings can have it: parts may run on many machines.
    """
    configured = sites_of(settings).get(site, SiteSettings()).import_keys
    if configured:
        return configured[0].get_secret_value()
    if settings.profile != "embedded":
        raise SetupError(
            f"there is no import key: `opecom sites rotate {site} --import` makes one in the file that the ingest "
            f"""API and this command read (access_file); or set {variable(f"sites.{site}.import_keys")}='["..."]'"""
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir / f"import-{site}.key"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    key = secrets.token_urlsafe(24)
    with os.fdopen(descriptor, "w") as made:
        made.write(key)
    return key
