"""The demonstration shop as its part serves it: one page for all addresses, safe headers, sources without a build."""

import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from rich.console import Console

from deploy.cli.up import _report_address, _where
from deploy.errors import SetupError
from deploy.http import shop
from deploy.local import up
from deploy.local.console import TerminalScreen
from deploy.processes.ports import listen
from deploy.processes.probes import ProbeAddress
from deploy.settings.access_file import AccessFile
from deploy.settings.model import Settings, ShopSettings
from deploy.wiring import shop as wiring
from ingest import script as tracker

FILES = shop.folder()
SCRIPTS = sorted((FILES / "src").rglob("*.js"))
SITE: dict[str, Any] = {"write_keys": ["write-key-of-mine"]}


def client(**settings: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(wiring.app(Settings(**settings), look=0))
    return httpx.AsyncClient(transport=transport, base_url="http://shop")


@pytest.mark.parametrize("path", ["/", "/products", "/products/harbour-mug", "/about", "/cart", "/success", "/nothing"])
async def test_every_address_is_the_one_page(path: str) -> None:
    async with client() as http:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert (await http.get("/")).text == answer.text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/src/main.js", "text/javascript"),
        ("/src/pages/home.js", "text/javascript"),
        ("/styles/base.css", "text/css"),
        ("/pictures.svg", "image/svg+xml"),
        ("/icon.svg", "image/svg+xml"),
        ("/readyz", "text/plain"),
        ("/metrics", "text/plain"),
    ],
)
async def test_files_have_their_types(path: str, kind: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind


@pytest.mark.parametrize(
    "path", ["/src/nothing.js", "/vite.config.js", "/package.json", "/src/../package.json", "/%2e%2e/package.json"]
)
async def test_what_is_not_the_shops_is_not_served(path: str) -> None:
    async with client() as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/src/main.js", "/src/nothing.js"], ids=["page", "file", "refusal"])
async def test_every_answer_has_safe_headers(path: str) -> None:
    async with client(ingest={"public_url": "https://events.example"}) as http:
        headers = (await http.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    stub = tracker.read("/static/tracker.js").stub_hash
    assert policy["script-src"] == f"'self' {stub} https://events.example"
    assert policy["connect-src"] == "https://events.example"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_page_has_the_tag_of_its_site() -> None:
    async with client(sites={"mine": SITE}, ingest={"port": 8123}) as http:
        text = (await http.get("/")).text
    (tag,) = re.findall(r"<script async [^>]*>", text)
    assert f"<script>{tracker.read('/static/tracker.js').inline_stub}</script>" in text
    assert 'src="http://127.0.0.1:8123/static/tracker.js"' in tag
    assert 'data-api="http://127.0.0.1:8123" data-key="write-key-of-mine" data-site="mine"' in tag
    assert "VITE" not in text


async def test_the_tag_follows_the_keys_of_its_site(tmp_path: Path) -> None:
    file = tmp_path / "access.toml"
    file.write_text('[sites.mine]\nwrite_keys = ["the-first-write-key"]\n')
    async with client(access_file=file, shop={"site": "mine"}) as http:
        assert 'data-key="the-first-write-key"' in (await http.get("/")).text
        file.write_text('[sites.mine]\nwrite_keys = ["the-second-write-key"]\n')
        assert 'data-key="the-second-write-key"' in (await http.get("/")).text


def test_a_page_without_a_place_for_the_tag_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    with pytest.raises(ValueError, match="0 places"):
        shop.page(tmp_path, "tag")


@pytest.mark.parametrize(
    ("settings", "site"),
    [
        pytest.param({}, "default", id="the shipped one"),
        pytest.param({"sites": {"mine": SITE}}, "mine", id="your first"),
        pytest.param({"sites": {"mine": SITE, "other": {}}, "shop": {"site": "other"}}, "other", id="the named one"),
    ],
)
def test_visits_are_of_one_site(settings: dict[str, Any], site: str) -> None:
    assert wiring.site(Settings(**settings), AccessFile()) == site


def test_a_site_that_is_none_is_a_line() -> None:
    with pytest.raises(SetupError, match=r"shop\.site is nope, which is no site"):
        wiring.site(Settings(shop={"site": "nope"}), AccessFile())


@pytest.mark.parametrize(
    ("port", "runs"), [pytest.param(None, True, id="by default"), pytest.param(0, False, id="not with port 0")]
)
def test_up_runs_the_shop_and_states_where(tmp_path: Path, port: int | None, runs: bool) -> None:
    plan, bootstrap = up.embedded(Settings(shop={} if port is None else {"port": port}), tmp_path)
    assert ("shop" in {part.name for part in plan.parts}) is runs
    assert any("demo shop" in line for line in _where(plan, bootstrap)) is runs


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        plan, _ = up.embedded(Settings(shop={"port": port}), tmp_path)
    (part,) = [part for part in plan.parts if part.name == "shop"]
    assert plan.addresses["shop"].port not in (0, port)
    assert part.environment["OPECOM_SHOP__PORT"] == str(plan.addresses["shop"].port)


@pytest.mark.parametrize(
    ("settings", "address", "said"),
    [
        pytest.param({"port": 5173}, ProbeAddress("127.0.0.1", 5173), "", id="where it should be"),
        pytest.param({"port": 0}, None, "", id="not wanted"),
        pytest.param(
            {"port": 5173},
            ProbeAddress("127.0.0.1", 40_000),
            "127.0.0.1:5173 is taken: the shop listens on port 40000\n",
            id="elsewhere",
        ),
        pytest.param(
            {"host": "192.0.2.1"},
            None,
            "the shop cannot listen on 192.0.2.1:5173, and is left out: set OPECOM_SHOP__HOST\n",
            id="nowhere",
        ),
    ],
)
def test_up_states_where_the_shop_is_not(settings: dict[str, Any], address: ProbeAddress | None, said: str) -> None:
    written = StringIO()
    _report_address("shop", ShopSettings(**settings), address, TerminalScreen(Console(file=written)))
    assert written.getvalue() == said


def test_a_host_that_is_not_this_machines_leaves_the_shop_out(tmp_path: Path) -> None:
    plan, _ = up.embedded(Settings(shop={"host": "192.0.2.1"}), tmp_path)
    assert "shop" not in plan.addresses
    assert "ingest" in plan.addresses


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FILES).as_posix())
def test_a_browser_finds_every_import(script: Path) -> None:
    imports = re.findall(r'^import .*?"(.+?)";', script.read_text(), re.MULTILINE)
    assert imports == [name for name in imports if name.startswith(("./", "../"))]
    assert all((script.parent / name).is_file() for name in imports)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FILES).as_posix())
def test_every_script_is_javascript(script: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: the tests in a browser run these scripts too")
    done = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_product_has_a_picture_and_its_colours() -> None:
    catalogue = (FILES / "src" / "catalogue.js").read_text()
    sheet = ElementTree.parse(FILES / "public" / "pictures.svg")  # noqa: S314 - our own file
    drawn = {symbol.get("id") for symbol in sheet.iter("{http://www.w3.org/2000/svg}symbol")}
    wanted = set(re.findall(r'picture: "(\w+)"', catalogue))
    assert len(wanted) == 12
    assert wanted <= drawn
    mixed = set(re.findall(r"^\.glaze-(\w+)", (FILES / "styles" / "pictures.css").read_text(), re.MULTILINE))
    offered = {name for line in re.findall(r"variants: \[(.*)\]", catalogue) for name in re.findall(r'"(\w+)"', line)}
    assert offered <= mixed


def test_the_lock_names_no_host() -> None:
    """npm writes where a package asks for money; `npm ci` needs none of it."""
    assert "://" not in (Path(__file__).parents[3] / "web/shop/package-lock.json").read_text()
