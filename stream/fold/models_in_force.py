"""Which model scores which site, as the controls of the log put it in force: a common one, and sites' own."""

from collections.abc import Mapping

from ingest.events import UseModel, base_site

#: Bytes that the sites with models of their own may take in a mark (stream/fold/mark.py).
SITES_BYTES = 2_000


class ModelsInForce:
    """The state of one partition; an empty version is the default model.

    A site's own model also scores the runs of its imported history. A common model that comes into force leaves the
    sites' own as they are.
    """

    __slots__ = ("_bytes", "before", "common", "sites")

    def __init__(self, common: str = "", before: str = "", sites: Mapping[str, str] | None = None) -> None:
        self.common = common
        #: The common model that was in force before this one.
        self.before = before
        self.sites = dict(sites or {})
        self._bytes = sum(map(_bytes, self.sites, self.sites.values()))

    def copy(self) -> "ModelsInForce":
        return ModelsInForce(self.common, self.before, self.sites)

    def of(self, site: str) -> str:
        """The version that scores this site."""
        return self.sites.get(base_site(site), self.common) if self.sites else self.common

    def apply(self, control: UseModel) -> str:
        """Put the model in force; why it cannot be, empty where it is."""
        site, version = control.site, control.version
        if not site:
            if version != self.common:
                self.before, self.common = self.common, version
            return ""
        before = self.sites.get(site)
        freed = 0 if before is None else _bytes(site, before)
        if version and self._bytes - freed + _bytes(site, version) > SITES_BYTES:
            return (
                f"{len(self.sites)} sites have models of their own and a partition remembers no more: take one back "
                "(`opecom models rollback --site SITE`)"
            )
        self.drop(site)
        if version:
            self.sites[site] = version
            self._bytes += _bytes(site, version)
        return ""

    def drop(self, site: str) -> None:
        """Let the common model score this site."""
        version = self.sites.pop(site, None)
        if version is not None:
            self._bytes -= _bytes(site, version)


def _bytes(site: str, version: str) -> int:
    """What an entry takes in a mark: both names in quotes, a colon and a comma."""
    return len(site.encode()) + len(version) + 6
