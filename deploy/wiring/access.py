"""Who may read, predict, export and replay, as the settings say."""

from deploy.errors import SetupError
from deploy.settings import Settings
from storage.access import Access, Scope, SecretKey, digest_of

#: Characters of a key, at least.
SHORTEST_KEY = 16


def access(settings: Settings) -> Access:
    """Who may read, and by `scoped` who may more.

    Raises SetupError where nobody could, and where a key is too easy to guess.
    """
    keys = _of_settings(settings)
    if settings.profile != "embedded" and not any(key.opens("read") for key in keys):
        raise SetupError("api.read_keys is empty: outside the embedded profile reads need a key of scope read")
    return Access(lambda: keys, settings.profile == "embedded")


def _of_settings(settings: Settings) -> list[SecretKey]:
    """The keys of all sites that the settings hold."""
    given: tuple[tuple[Scope, str], ...] = (
        *(("read", key.get_secret_value()) for key in settings.api.read_keys),
        *(("admin", key.get_secret_value()) for key in settings.api.admin_keys),
    )
    for scope, key in given:
        if len(key) < SHORTEST_KEY:
            raise SetupError(f"api.{scope}_keys: a key has fewer than {SHORTEST_KEY} characters")
    return [SecretKey(f"api.{scope}_keys", digest_of(key), frozenset({scope})) for scope, key in given]
