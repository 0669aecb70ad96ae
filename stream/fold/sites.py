"""Profiles of sites by version, as `page-stats` says: rows of sites beside those of pages, put in force alike."""

from bisect import bisect_right
from typing import Annotated

from msgspec import Meta, Struct

from ingest.events import Site, base_site
from scoring.site_profile import EXPECTED_CONVERSION, BandLimits, Conversion, PageLevels, SiteProfile

#: Bands of a site by number of events; more say nothing that fewer do not.
MOST_LIMITS = 32


class SiteRow(Struct, frozen=True, gc=False, omit_defaults=True, tag="site", tag_field="kind"):
    """What is known of a site from its version on: SiteProfile without the levels, which the row of ANY_PATH has."""

    batch: str
    site: Site
    expected_conversion: Conversion = EXPECTED_CONVERSION
    limits: Annotated[tuple[BandLimits, ...], Meta(max_length=MOST_LIMITS)] = ()
    limits_of: Annotated[str, Meta(max_length=64)] = ""


class SiteRows:
    """The rows of all sites by version. A run of a site (`uci~k3f9`) has its site's."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[int, SiteRow]]] = {}

    def add(self, version: int, row: SiteRow) -> None:
        self._rows.setdefault(row.site, []).append((version, row))

    def as_of(self, site: str, version: int) -> SiteRow | None:
        rows = self._rows.get(base_site(site), ())
        place = bisect_right(rows, version, key=lambda each: each[0])
        return rows[place - 1][1] if place else None

    def profile(self, site: str, version: int, levels: PageLevels | None) -> SiteProfile:
        """The site's profile with its levels of page statistics."""
        row = self.as_of(site, version)
        name = base_site(site)
        if row is None:
            return SiteProfile(name, levels=levels)
        return SiteProfile(name, row.expected_conversion, levels, row.limits, row.limits_of)
