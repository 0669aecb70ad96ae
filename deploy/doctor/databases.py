"""Opens both databases as the parts would, without making or changing anything, and has them looked at."""

import contextlib

from deploy.doctor import analytics, relational
from deploy.doctor.finding import Finding
from deploy.doctor.parts import Get
from deploy.errors import SetupError
from deploy.processes import data_folder
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings
from deploy.wiring import storage
from deploy.wiring.relational import explained
from deploy.wiring.relational import relational as relational_engine
from storage.database import detached_parts, migrate

Found = tuple[list[Finding], dict[str, float]]
NOT_YET = "is not there yet: the first start makes it"


def relational_database(settings: Settings) -> Found:
    """The findings, and how many seconds MariaDB's clock is ahead."""
    ours = settings.profile == "embedded" and not settings.storage.url.get_secret_value()
    if ours and not (settings.data_dir / "opecom.sqlite").exists():
        return [Finding(relational.CHECK, "ok", f"SQLite in {settings.data_dir} {NOT_YET}")], {}
    try:
        engine = relational_engine(settings)
        try:
            with explained():
                run, kind = migrate.relational_run(engine), migrate.relational_kind(engine)
                engine.connect().close()
                ahead = {"MariaDB": relational.ahead(run)} if kind == "mariadb" else {}
                return relational.relational(kind, run), ahead
        finally:
            engine.dispose()
    except SetupError as error:
        return [Finding(relational.CHECK, "fault", str(error))], {}


def clickhouse(settings: Settings, api: ProbeAddress, get: Get) -> Found:
    """The findings, and how many seconds the server's clock is ahead; one process at a time may hold chDB's folder."""
    server = bool(settings.storage.clickhouse_host)
    if not server:
        status, text = get(api, "/readyz")
        if status:
            return [analytics.held(status, text)], {}
        if data_folder.running(settings.data_dir):
            line = "the system that runs on the data folder holds chDB and does not answer yet: ask again"
            return [Finding(analytics.CHECK, "warning", line)], {}
        if not (settings.data_dir / "chdb").exists():
            return [Finding(analytics.CHECK, "ok", f"chDB in {settings.data_dir} {NOT_YET}")], {}
    try:
        with contextlib.closing(storage.analytics(settings)) as client:
            run = migrate.clickhouse_run(client)
            notice = detached_parts.notice(client, settings.profile == "embedded")
            finding = analytics.analytics("ClickHouse" if server else "chDB", run, notice)
            return [finding], {"ClickHouse": analytics.ahead(run)} if server else {}
    except SetupError as error:
        return [Finding(analytics.CHECK, "fault", str(error))], {}
