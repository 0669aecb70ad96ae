"""Services for every test: started when the first test asks, shared by all workers, stopped when the run ends."""

import functools
import gc
import logging
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.support import failure_report, hung, services, shared, skips
from tests.support.parallel import Groups
from tests.support.services import Broker, ClickHouse, MariaDb

SHARED = pytest.StashKey[shared.SharedServices]()
SERVER = pytest.StashKey[shared.ServiceServer]()

# httpx makes one for each client, and each reads the certificates of all authorities: 35 ms of CPU for a test that asks
# a server of its own by plain HTTP, again and again until it has what it waits for.
ssl.create_default_context = functools.cache(ssl.create_default_context)

# As our commands have it (deploy/cli/main.py); read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A slow machine is no fault of what is tested; before the tests' own settings, which are read as they are imported.
hypothesis_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    _own_environment(config)
    _share_services(config)
    config.pluginmanager.register(Groups())
    config.pluginmanager.register(hung)
    config.pluginmanager.register(failure_report)
    # Under pytest-xdist the process that starts the workers hears of every test.
    if skips.strict() and not _is_worker(config):
        config.pluginmanager.register(skips.Skips(skips.ALLOWED))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist starts: say where it finds the services."""
    config = node.config
    if SERVER not in config.stash:
        config.stash[SERVER] = shared.ServiceServer(config.stash[SHARED])
        config.add_cleanup(config.stash[SERVER].close)
    node.workerinput["services"] = config.stash[SERVER].address


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _share_services(config: pytest.Config) -> None:
    if _is_worker(config):
        config.stash[SHARED] = shared.ServicesOfController(config.workerinput["services"])
    else:
        config.stash[SHARED] = own = shared.OwnServices()
        config.add_cleanup(own.close)


def _own_environment(config: pytest.Config) -> None:
    """Neither settings of whoever runs the tests nor what `opecom up` keeps in this folder may change what is tested.

    It is done before the tests are collected, as some make settings then.
    """
    folder = tempfile.TemporaryDirectory(prefix="opecom-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    file = Path(folder.name) / "opecom.toml"
    # Workers of one run would meet at the console's port; its own tests name one.
    file.write_text(f'data_dir = "{folder.name}/data"\n[console]\nport = 0\n')
    for name in list(os.environ):
        if name.startswith("OPECOM_") and not name.startswith("OPECOM_TEST_"):
            del os.environ[name]
    os.environ["OPECOM_SETTINGS"] = str(file)
    # Hundreds of processes start: without bytecode on disk each compiles all that it imports, which takes seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Kafka starts several times and has little to do: to compile it well costs more than that saves.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_report_header() -> list[str]:
    names = {"Apache Kafka": "KAFKA", "MariaDB": "MARIADB", "ClickHouse": "CLICKHOUSE"}
    found = {name: services.find(f"OPECOM_TEST_{variable}") for name, variable in names.items()}
    torch = "installed" if find_spec("torch") else "not installed (the tests of training are skipped: make test-train)"
    return [
        *(
            f"{name}: {each.note}" + (" (its tests are skipped)" if each.missing else "")
            for name, each in found.items()
        ),
        f"PyTorch: {torch}",
    ]


@pytest.fixture(autouse=True)
def library_log_levels() -> Iterator[None]:
    """Commands silence the libraries of their process; those that run in this one must not do so for later tests."""
    silenced = [logging.getLogger(name) for name in ("aiokafka", "kafka", "clickhouse_connect")]
    levels = [each.level for each in silenced]
    yield
    for each, level in zip(silenced, levels, strict=True):
        each.setLevel(level)


@pytest.fixture(autouse=True)
def garbage_is_collected() -> Iterator[None]:
    """Commands leave what is there out of the collector's walks; those that run in this process must not hide from it
    what a test left behind."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The embedded broker; keep tests apart by `embedded_kafka.settings()`, whose topics are new."""
    with services.embedded(tmp_path_factory.mktemp("tansu")) as broker:
        yield broker


@pytest.fixture
def fresh_embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An embedded broker for one test: empty, with a cluster id of its own."""
    with services.embedded(tmp_path_factory.mktemp("tansu")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Broker:
    """Apache Kafka, one for all workers; keep tests apart by `kafka.settings()`, whose topics are new."""
    _require("OPECOM_TEST_KAFKA")
    broker: Broker = pytestconfig.stash[SHARED].get("kafka")
    return broker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn, for what must hold on both."""
    found: Broker = request.getfixturevalue("embedded_kafka" if request.param == "embedded" else "kafka")
    return found


@pytest.fixture(scope="session")
def mariadb(pytestconfig: pytest.Config) -> MariaDb:
    """A MariaDB server, one for all workers; most tests want `mariadb_url`."""
    _require("OPECOM_TEST_MARIADB")
    server: MariaDb = pytestconfig.stash[SHARED].get("mariadb")
    return server


@pytest.fixture
def mariadb_url(mariadb: MariaDb) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database, dropped after the test."""
    with services.new_database(mariadb.url) as url:
        yield url


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouse]:
    """A real ClickHouse server; keep tests apart by databases of their own."""
    found = services.find("OPECOM_TEST_CLICKHOUSE")
    if found.missing:
        # Not required in CI: tests/allowed_skips.toml says why.
        pytest.skip(found.note)
    with services.real_clickhouse() as server:
        yield server


def _require(variable: str) -> None:
    found = services.find(variable)
    if found.missing and skips.strict():
        pytest.fail(f"required in CI: {found.note}")
    if found.missing:
        pytest.skip(found.note)
