"""Who may read, predict, export and replay, as the settings and the file of sites and keys say."""

import secrets
import time

from deploy.errors import SetupError
from deploy.settings.access_file import Reloading
from deploy.settings.model import Settings
from deploy.wiring.keys import admin_key, admin_key_file, machine_key
from ingest.admission.origins import checked_origin
from storage.http.access import Access
from storage.http.secret_keys import Scope, SecretKey, digest_of
from storage.http.sign_ins import SignIns

#: Characters of a key, at least.
SHORTEST_KEY = 16


def access(settings: Settings, own_key: bool = True) -> Access:
    """Who may read, and by `scoped` who may more; keys of the file are taken and given up while this runs.

    The embedded profile has an admin key of its machine from the beginning, unless `own_key` says that none is needed.
    Raises SetupError where nobody could read,
    where a key is too easy to guess, and where the machine's key cannot be kept.
    """
    keys = _keys(settings, own_key)
    if settings.profile != "embedded" and not any(key.opens("read") for key in keys()):
        raise SetupError(
            "there is no key of scope read, and outside the embedded profile reads need one: "
            "`opecom keys add NAME --scope read` makes it, or set api.read_keys"
        )
    secret = settings.api.token_secret.get_secret_value().encode() or secrets.token_bytes(32)
    return Access(keys, settings.profile == "embedded", sign_ins=SignIns(secret, time.time))


def read_origins(settings: Settings) -> list[str]:
    """The origins whose pages may read, as browsers spell them; raises SetupError for another text.

    A lone * stands for all pages: a key or a token is needed in any case.
    """
    try:
        return [origin if origin == "*" else checked_origin(origin) for origin in settings.api.origins]
    except ValueError as error:
        raise SetupError(f"api.origins: {error}") from None


def metrics_access(settings: Settings) -> Access:
    """Who may read the metrics of a port that the world may reach: who has a key, this machine as well."""
    kept = _keys(settings, own_key=False)

    def keys() -> tuple[SecretKey, ...]:
        # The machine's own is made by the query API, which may start later.
        own = admin_key(settings)
        return (*kept(), _machine(own)) if own else kept()

    return Access(keys, open_on_loopback=False)


def _keys(settings: Settings, own_key: bool) -> Reloading[tuple[SecretKey, ...]]:
    own = _of_settings(settings) + (_of_machine(settings) if own_key else ())
    return Reloading(settings, lambda file: (*own, *file.secret_keys()))


def _of_machine(settings: Settings) -> tuple[SecretKey, ...]:
    if settings.profile != "embedded":
        return ()
    try:
        key = machine_key(settings)
    except OSError as error:
        raise SetupError(f"{admin_key_file(settings)} cannot be kept ({error.strerror}): set data_dir") from None
    return (_machine(key),)


def _machine(key: str) -> SecretKey:
    return SecretKey("this machine", digest_of(key), frozenset({"admin"}))


def _of_settings(settings: Settings) -> tuple[SecretKey, ...]:
    """The keys of all sites that the settings hold."""
    given: tuple[tuple[Scope, str], ...] = (
        *(("read", key.get_secret_value()) for key in settings.api.read_keys),
        *(("admin", key.get_secret_value()) for key in settings.api.admin_keys),
    )
    for scope, key in given:
        if len(key) < SHORTEST_KEY:
            raise SetupError(f"api.{scope}_keys: a key has fewer than {SHORTEST_KEY} characters")
    return tuple(SecretKey(f"api.{scope}_keys", digest_of(key), frozenset({scope})) for scope, key in given)
