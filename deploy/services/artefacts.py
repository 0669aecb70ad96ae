"""Downloads by Maven, kept once per user: a folder of jars per pinned pom.xml."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import SetupError

JAVA = 17


def java() -> str:
    """The path of a Java that is new enough; raises SetupError."""
    found = shutil.which("java")
    if found is None:
        raise SetupError(f"Java is missing: install Java {JAVA} or newer (a JRE will do) and put `java` on the PATH")
    printed = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(\d+)(?:\.(\d+))?', printed.stderr + printed.stdout)
    if version is None:
        raise SetupError(f"{found} -version does not say which Java it is: install Java {JAVA} or newer")
    # Java 8 called itself 1.8.
    major = int(version[2] or 0) if version[1] == "1" else int(version[1])
    if major < JAVA:
        raise SetupError(f"{found} is Java {major}: Apache Kafka 4 needs Java {JAVA} or newer on the PATH")
    return found


def maven() -> str:
    """The path of Maven; raises SetupError."""
    found = shutil.which("mvn")
    if found is None:
        raise SetupError("Maven is missing: install it and put `mvn` on the PATH (it downloads Kafka and MariaDB)")
    return found


def jars(name: str, cache: Path) -> Path:
    """The folder with the jars of `<name>.pom.xml`, downloaded at first use; raises SetupError."""
    pom = Path(__file__).with_name(f"{name}.pom.xml")
    folder = cache / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    with made_once(folder) as fresh:
        if fresh is not None:
            _download(pom, fresh)
    return folder


@contextmanager
def made_once(folder: Path) -> Generator[Path | None, None, None]:
    """Gives a new folder to fill, which becomes `folder` at the end, or None where that exists already.

    A lock lets one process fill it while others wait; the rename at the end means that a half-filled one never counts.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(folder.name + ".lock").open("w")
    except OSError as error:
        raise SetupError(
            f"cannot write to the cache {folder.parent}: {error.strerror}; set OPECOM_SERVICES__CACHE_DIR"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            yield None
            return
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir()
            yield fresh
            fresh.rename(folder)
        except OSError as error:
            raise SetupError(
                f"cannot fill the cache {folder}: {error.strerror}; set OPECOM_SERVICES__CACHE_DIR"
            ) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _download(pom: Path, folder: Path) -> None:
    build = folder / "pom.xml"
    shutil.copyfile(pom, build)
    command = [maven(), "-q", "-B", "-f", str(build), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        why = lines[0].replace("[ERROR]", "").strip()[:400] if lines else f"exit code {done.returncode}"
        raise SetupError(f"Maven could not download {pom.name}: {why}")
