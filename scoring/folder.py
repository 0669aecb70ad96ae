"""Files of a model registry, in a folder of this machine or at a URL: read, listed, written whole.

A URL is whatever fsspec knows: https://, s3://, gs://, sftp:// and others, some by a package that it names. Credentials
come from where the protocol keeps them (~/.netrc, AWS_...), never from the URL, as messages tell it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from scoring.manifest import ModelError

if TYPE_CHECKING:
    from upath import UPath

#: A folder or a file, here or at a URL.
Place: TypeAlias = "Path | UPath"
#: Seconds that one request to a web server may take.
PATIENCE = 20
#: Bytes of a manifest, a card or a name, at most; of a graph, at most. The shipped graph has 247 kB.
MOST_TEXT_BYTES, MOST_GRAPH_BYTES = 2**20, 2**28

Answer = TypeVar("Answer")


class RegistryError(ModelError):
    """A version, or a folder of versions, that cannot be used; one line that says why and what to do."""


def place(location: str | Path) -> Place:
    """The folder at a path or URL; nothing is looked at. Raises RegistryError for a URL that cannot be one."""
    if "://" not in str(location):
        return Path(location)
    url = urlsplit(str(location))
    if "@" in url.netloc:
        raise RegistryError(
            f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}: leave user and password out of the URL of "
            "OPECOM_SCORING__REGISTRY; ~/.netrc or the protocol's own variables hold them"
        )
    # Here, so that who has a folder loads no clients of networks.
    from upath import UPath

    options: dict[str, Any] = {"use_listings_cache": False}
    if url.scheme in ("http", "https"):
        from aiohttp import ClientTimeout

        options["client_kwargs"] = {"timeout": ClientTimeout(total=PATIENCE), "trust_env": True}
    found: UPath = _reached(lambda: UPath(str(location), **options), f"cannot use {location}")
    return found


def names(folder: Place) -> list[str]:
    """What lies in the folder; raises FileNotFoundError where it is not there, RegistryError where it does not tell."""

    def listed() -> list[str]:
        if isinstance(folder, Path):
            return os.listdir(folder)
        return [str(each).rstrip("/").rpartition("/")[2] for each in folder.fs.ls(folder.path, detail=False)]

    return _found(listed, f"cannot list {folder}")


def there(file: Place) -> bool:
    """Whether there is such a file, which is read, as some protocols say no where they cannot tell."""
    try:
        read(file)
    except FileNotFoundError:
        return False
    return True


def read(file: Place, most: int = MOST_TEXT_BYTES) -> bytes:
    """The file's content; raises FileNotFoundError where there is none, RegistryError where it cannot be read, or has
    more than `most` bytes."""

    def content() -> bytes:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return opened.read(most + 1)
        # Not read_bytes, which says of a server that is away that it has no such file.
        return bytes(file.fs.cat_file(file.path, start=0, end=most + 1))

    found = _found(content, f"cannot read {file}")
    if len(found) > most:
        raise RegistryError(f"{file} has more than {most:,} bytes, which no model of ours needs: take it away")
    return found


def is_writable(folder: Place) -> bool:
    """Whether files can be written there; of what is at a URL only a write can tell."""
    return not isinstance(folder, Path) or os.access(folder, os.W_OK)


def write(file: Place, content: bytes) -> None:
    """Give the file this content, whole or not at all; raises RegistryError where it cannot be written."""

    def at_once() -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(file, Path):
            # What takes a file over the network shows it when it is whole.
            file.write_bytes(content)
            return
        made = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            made.write_bytes(content)
            made.replace(file)
        finally:
            # Of a disk that is full, nothing is to be left.
            made.unlink(missing_ok=True)

    _reached(at_once, f"cannot write {file}")


def _found(act: Callable[[], Answer], failing: str) -> Answer:
    try:
        return _reached(act, failing)
    except RegistryError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise FileNotFoundError(failing) from error
        raise


def _reached(act: Callable[[], Answer], failing: str) -> Answer:
    try:
        return act()
    except Exception as error:  # clients of networks share no base class but this one
        raise RegistryError(f"{failing}: {_reason_of(error)}; OPECOM_SCORING__REGISTRY names the registry") from error


def _reason_of(error: Exception) -> str:
    if isinstance(error, NotImplementedError):
        return "this kind of URL is only for reading: give a folder, or a URL that can be written, such as s3://"
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE} s"
    location = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(location).split())[:300]
