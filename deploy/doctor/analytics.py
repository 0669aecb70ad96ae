"""ClickHouse, a server or chDB: reachable, and with this program's schema."""

import time

import msgspec

from deploy.doctor.finding import Finding
from storage.database.migrate import Run, SchemaError, check

CHECK = "ClickHouse"


def analytics(name: str, run: Run, notice: str = "") -> Finding:
    """What the opened database says; `name` is chDB or ClickHouse, `notice` what is to say of its parts."""
    described = f"{name} {run('SELECT version()')[0][0]}"
    try:
        check("clickhouse", run)
    except SchemaError as error:
        return Finding(CHECK, "fault", str(error))
    if notice:
        return Finding(CHECK, "warning", notice)
    return Finding(CHECK, "ok", f"{described}, schema as this program needs it")


def held(status: int, text: str) -> Finding:
    """What a store that holds chDB's folder answered to `/readyz`: nobody else may open it meanwhile."""
    if status == 200:
        if notice := _notice(text):
            return Finding(CHECK, "warning", notice)
        return Finding(CHECK, "ok", "chDB is held by the store that runs, and it says that it answers")
    return Finding(CHECK, "fault", f"the store that holds chDB is not ready ({text.strip()[:200]}): see its log")


def _notice(text: str) -> str:
    """What the store's answer adds to `ready`."""
    try:
        return msgspec.json.decode(text, type=dict[str, str]).get("notice", "")
    except msgspec.DecodeError:
        return ""


def ahead(run: Run) -> float:
    """Seconds by which the server's clock is ahead of this machine's."""
    before = time.time()
    there = float(run("SELECT toUnixTimestamp64Milli(now64(3))")[0][0]) / 1000
    return there - (before + time.time()) / 2
