"""Keys that the embedded profile makes for itself, kept in its data folder with mode 0600."""

import os
import secrets

from deploy.settings import Settings


def import_key(settings: Settings) -> str:
    """The key of scope import for the site `uci`: from the settings, else from the data folder, made at first use."""
    configured = settings.sites["uci"].import_keys if "uci" in settings.sites else ()
    if configured:
        return configured[0].get_secret_value()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir / "import.key"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    key = secrets.token_urlsafe(24)
    with os.fdopen(descriptor, "w") as made:
        made.write(key)
    return key
