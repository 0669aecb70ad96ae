"""Which rows a key of some sites may see, as conditions for both databases. A run of a site is the site's own."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

#: For ClickHouse: take it into WHERE and give `seen_sites` as a parameter.
SEEN = "has({seen_sites:Array(String)}, splitByChar('~', site)[1])"


def of_sites(column: ColumnElement[str], sites: Collection[str] | None) -> ColumnElement[bool]:
    """Rows whose site is one of these, or a run of one; None: all rows. By ranges, which an index answers."""
    if sites is None:
        return true()
    # The names of runs begin with "~" and hold nothing that comes after it.
    return or_(
        false(), *(or_(column == site, and_(column > f"{site}~", column < f"{site}\x7f")) for site in sorted(sites))
    )


def seen(sites: Collection[str] | None) -> tuple[str, dict[str, Any]]:
    """The same for ClickHouse: a condition and its parameters."""
    return ("true", {}) if sites is None else (SEEN, {"seen_sites": sorted(sites)})
