"""Rows of a simulated site, from either of the two SQL databases that hold them."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .program import CannotCompareError


def read(url: str, table: str, names: list[str], site: str) -> list[dict[str, Any]]:
    """The site's rows of a table, as dictionaries; at least one, or CannotCompareError."""
    connection, mark = connect(url)
    try:
        cursor = connection.cursor()
        cursor.execute(f"SELECT {', '.join(names)} FROM {table} WHERE site = {mark}", (site,))  # noqa: S608 - our names
        rows = [dict(zip(names, line, strict=True)) for line in cursor.fetchall()]
    except Exception as error:
        raise CannotCompareError(f"cannot read the table {table}: {error}") from error
    finally:
        connection.close()
    if not rows:
        raise CannotCompareError(f"the table {table} has no row of site {site}: was it sent to this database?")
    return rows


def connect(url: str) -> tuple[Any, str]:
    """(connection, mark of a parameter) for the two databases that hold sessions."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        path = url.split("///", 1)[-1]
        if not Path(path).is_file():
            raise CannotCompareError(f"there is no database at {path}: has the system run with this data folder?")
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True), "?"
    if parts.scheme.startswith(("mysql", "mariadb")):
        import pymysql

        try:
            return pymysql.connect(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or 3306,
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                database=parts.path.lstrip("/"),
            ), "%s"
        except pymysql.MySQLError as error:
            raise CannotCompareError(f"cannot reach MariaDB at {parts.hostname}:{parts.port}: {error}") from error
    raise CannotCompareError(f"cannot read a database of type {parts.scheme!r}: give sqlite:// or mysql+pymysql://")
