"""Gets the UCI file from UCI and checks that it is the one that the study was made with."""

import hashlib
import io
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from scoring.training.load import DataError

ADDRESS = "https://archive.ics.uci.edu/static/public/468/online+shoppers+purchasing+intention+dataset.zip"
NAME = "online_shoppers_intention.csv"
#: With LF line ends, whichever the archive has.
SHA256 = "7c613256aac71d9fbe1db70bd476c896d5f525288b40a648584058e0a6d90b24"
SECONDS = 60


def download(file: Path, address: str = ADDRESS) -> Path:
    """Write the file unless it is there already; raises DataError where it cannot be got or is another one."""
    if file.exists():
        return file
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 (the address is ours)
            content = zipfile.ZipFile(io.BytesIO(answer.read())).read(NAME).replace(b"\r\n", b"\n")
    except (OSError, urllib.error.URLError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"cannot get {NAME} from UCI ({error}): download it by hand and give it with --data") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"what UCI sent is not the {NAME} that this study was made with (sha256): nothing was written")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise DataError(f"cannot write {file}: {error.strerror}: give another file with --data") from error
    return file
