"""Which key opens which door."""

import pytest

from ingest.admission.keys import Keys, SiteAccess
from ingest.errors import RequestRefusedError

SHOP = SiteAccess("shop", write_keys=("write-key",), import_keys=("import-key",))
OWN = SiteAccess("default", keyless_loopback=True)
KEYS = Keys([SHOP, OWN])


@pytest.mark.parametrize(
    ("header", "query", "here", "site", "scope"),
    [
        pytest.param("write-key", "", False, "shop", "write", id="write key"),
        pytest.param("", "write-key", False, "shop", "write", id="write key in the URL"),
        pytest.param("import-key", "", False, "shop", "import", id="import key"),
        pytest.param("", "", True, "default", "write", id="this machine without a key"),
        pytest.param("write-key", "", True, "shop", "write", id="this machine with a key"),
    ],
)
def test_granted(header: str, query: str, here: bool, site: str, scope: str) -> None:
    grant = KEYS.grant(header, query, here)
    assert (grant.site.name, grant.scope) == (site, scope)


@pytest.mark.parametrize(
    ("header", "query", "here", "code"),
    [
        pytest.param("", "", False, "no_key", id="none, from elsewhere"),
        pytest.param("wrong", "", True, "wrong_key", id="unknown, even here"),
        pytest.param("write-ke", "", False, "wrong_key", id="the start of one"),
        pytest.param("", "import-key", False, "wrong_key", id="import key in the URL"),
        pytest.param("\xff\xfe", "", False, "wrong_key", id="not ASCII"),
    ],
)
def test_refused(header: str, query: str, here: bool, code: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        KEYS.grant(header, query, here)
    assert refused.value.code == code
    assert "import-key" not in refused.value.reason


def test_several_keyless_sites_need_a_key_unless_one_is_the_default() -> None:
    several = Keys([SiteAccess("a", keyless_loopback=True), SiteAccess("b", keyless_loopback=True)])
    with pytest.raises(RequestRefusedError, match="several sites"):
        several.grant("", "", True)


@pytest.mark.parametrize(
    ("key", "named", "written"),
    [
        pytest.param("write-key", None, "shop", id="not named"),
        pytest.param("write-key", "shop", "shop", id="named"),
        pytest.param("import-key", "shop~k3f9", "shop~k3f9", id="a run of an import"),
    ],
)
def test_site_named(key: str, named: str | None, written: str) -> None:
    assert KEYS.grant(key, "", False).name_for(named) == written


@pytest.mark.parametrize(
    ("key", "named"),
    [
        pytest.param("write-key", "default", id="another site"),
        pytest.param("write-key", "shop~k3f9", id="a run without an import key"),
        pytest.param("import-key", "shopping", id="a longer name"),
        pytest.param("import-key", "default~shop", id="a run of another"),
    ],
)
def test_site_refused(key: str, named: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        KEYS.grant(key, "", False).name_for(named)
    assert refused.value.code == "wrong_site"


@pytest.mark.parametrize(
    "sites",
    [
        pytest.param(
            [SiteAccess("a", write_keys=("same-key",)), SiteAccess("b", write_keys=("same-key",))], id="two sites"
        ),
        pytest.param([SiteAccess("a", write_keys=("same-key",), import_keys=("same-key",))], id="two scopes"),
        pytest.param([SiteAccess("a", write_keys=("short",))], id="too short"),
    ],
)
def test_keys_that_cannot_be(sites: list[SiteAccess]) -> None:
    with pytest.raises(ValueError, match=r"sites\.a"):
        Keys(sites)


def test_a_key_listed_twice_is_refused_as_such() -> None:
    with pytest.raises(ValueError, match=r"^sites\.a\.write_keys: a key is listed twice"):
        Keys([SiteAccess("a", write_keys=("same-key", "same-key"))])
