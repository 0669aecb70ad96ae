"""The file of sites and keys: what stands in it, how it is read, and what it says together with the settings.

`opecom sites` and `opecom keys` keep it (deploy/sites/changes.py), the running parts follow it.
"""

import logging
import os
import time
import tomllib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from deploy.errors import SetupError
from deploy.settings.model import Group, Settings, SiteSettings, possible_names
from storage.http.secret_keys import Scope, SecretKey

log = logging.getLogger(__name__)

#: Seconds between two looks at the file; with those of answers under way, a revoked key ends them within a second.
LOOK = 0.4
#: What a site may have in the settings and in the file: both hold.
JOINED = ("origins", "write_keys", "import_keys", "purchase_secrets")

Made = TypeVar("Made")


class StoredKey(Group):
    """A secret key, as its SHA-256. `sites` none: all sites, those to come as well; `expires_at` none: never."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    sites: tuple[str, ...] | None = None
    created_at: datetime
    expires_at: datetime | None = None


class AccessFile(Group):
    """All that the file says; empty where there is none."""

    sites: Annotated[dict[str, SiteSettings], AfterValidator(possible_names)] = Field(default_factory=dict)
    keys: dict[str, StoredKey] = Field(default_factory=dict)

    def secret_keys(self) -> list[SecretKey]:
        """The keys as they are looked up."""
        return [
            SecretKey(
                name,
                bytes.fromhex(key.sha256),
                frozenset(key.scopes),
                None if key.sites is None else frozenset(key.sites),
                None if key.expires_at is None else key.expires_at.timestamp(),
            )
            for name, key in self.keys.items()
        ]


def place(settings: Settings) -> Path:
    """Where the file is."""
    return settings.access_file or settings.data_dir / "access.toml"


def read(path: Path) -> AccessFile:
    """The file, empty where there is none; raises SetupError, one line that says what is wrong where."""
    try:
        return parsed(path.read_text(encoding="utf-8"), path)
    except (FileNotFoundError, NotADirectoryError):
        return AccessFile()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is no UTF-8'})") from None


def parsed(text: str, path: Path) -> AccessFile:
    """The same for the text of the file at `path`."""
    try:
        return AccessFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise SetupError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def sites_of(settings: Settings, file: AccessFile | None = None) -> dict[str, SiteSettings]:
    """All sites, by the settings and the file: lists of both hold, and of the rest what the settings say themselves."""
    kept = (read(place(settings)) if file is None else file).sites
    names = dict.fromkeys((*settings.sites, *kept))
    return {name: _joined(settings.sites.get(name), kept.get(name)) for name in names}


def _joined(own: SiteSettings | None, kept: SiteSettings | None) -> SiteSettings:
    if own is None or kept is None:
        return own or kept or SiteSettings()
    given = {name: getattr(own, name) for name in own.model_fields_set - set(JOINED)}
    lists = {name: tuple(dict.fromkeys((*getattr(own, name), *getattr(kept, name)))) for name in JOINED}
    return kept.model_copy(update=given | lists)


class Reloading(Generic[Made]):
    """What `make` makes of the file as it now stands, by `look` seconds at most behind.

    A file that breaks or goes is logged once, and what the last good one said holds. Raises SetupError for one that is
    broken from the beginning; one that is named and not there may come.
    """

    def __init__(
        self,
        settings: Settings,
        make: Callable[[AccessFile], Made],
        look: float = LOOK,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._make, self._look, self._now = place(settings), make, look, now
        self._stamp = _stamp(self._path)
        self._made = make(read(self._path))
        if self._stamp is None and settings.access_file is not None:
            log.warning("%s, which access_file names, is not there yet: `opecom sites add` makes it", self._path)
        self._next = now() + look

    def __call__(self) -> Made:
        at = self._now()
        if at >= self._next:
            self._next = at + self._look
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew(stamp is None)
        return self._made

    def _renew(self, gone: bool) -> None:
        try:
            if gone:
                raise SetupError(f"{self._path} is gone")
            self._made = self._make(read(self._path))
        except SetupError as error:
            log.error("sites and keys stay as they were: %s", error)
        else:
            log.info("sites and keys are now as %s says", self._path)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
