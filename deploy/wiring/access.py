"""Who may read, predict and replay, as the settings say."""

from collections.abc import Sequence

from pydantic import SecretStr

from deploy.errors import SetupError
from deploy.settings import Settings
from storage.access import Access

#: Characters of a key, at least.
SHORTEST_KEY = 16


def access(settings: Settings) -> Access:
    """Who may read; raises SetupError where nobody could, and where a key is too easy to guess."""
    if not settings.api.read_keys and settings.profile != "embedded":
        raise SetupError("api.read_keys is empty: outside the embedded profile reads need a key of scope read")
    return _access(settings, settings.api.read_keys, "read", "api.read_keys")


def admin(settings: Settings) -> Access:
    """Who may begin replays: nobody, where there is no key and the profile is not the embedded one."""
    return _access(settings, settings.api.admin_keys, "admin", "api.admin_keys")


def _access(settings: Settings, keys: Sequence[SecretStr], scope: str, setting: str) -> Access:
    known = [key.get_secret_value() for key in keys]
    if any(len(key) < SHORTEST_KEY for key in known):
        raise SetupError(f"{setting}: a key has fewer than {SHORTEST_KEY} characters")
    return Access(known, settings.profile == "embedded", scope, setting)
