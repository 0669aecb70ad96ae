"""Keys that the embedded profile makes for itself, in its data folder with mode 0600, and what commands send."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

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
    return _made_once(settings.data_dir / f"import-{site}.key")


def machine_key(settings: Settings) -> str:
    """The admin key of the embedded profile's own machine, made at first use: who can read the data folder has it."""
    return _made_once(admin_key_file(settings))


def admin_key(settings: Settings) -> str:
    """The key that commands of this machine send where one of scope admin is needed; empty where they know none."""
    if settings.api.admin_keys:
        return settings.api.admin_keys[0].get_secret_value()
    try:
        return admin_key_file(settings).read_text().strip() if settings.profile == "embedded" else ""
    except OSError:
        return ""


def read_key(settings: Settings) -> str:
    """The key that commands send to read sessions; empty where there is none, as this machine may need none."""
    return settings.api.read_keys[0].get_secret_value() if settings.api.read_keys else ""


def probe_key(settings: Settings) -> str:
    """The key with which commands of this machine read metrics; empty where they know none."""
    return read_key(settings) or admin_key(settings)


def admin_key_file(settings: Settings) -> Path:
    """Where the machine's own admin key is."""
    return settings.data_dir / "admin.key"


def _made_once(file: Path) -> str:
    """The key in this file, which is made with it where it is missing, by one process alone; raises OSError."""
    if file.exists():
        return file.read_text().strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as made:
            made.write(secrets.token_urlsafe(24))
        with contextlib.suppress(FileExistsError):
            # Whole or not at all: another part may look for it at the same time.
            os.link(beside, file)
    finally:
        os.unlink(beside)
    return file.read_text().strip()
