"""All checks, one after the other; a check that cannot be made because another failed is left out."""

import asyncio
import time
from functools import partial
from importlib.metadata import version

from deploy.doctor import databases, log
from deploy.doctor.clocks import clocks
from deploy.doctor.drift import drift
from deploy.doctor.finding import Finding
from deploy.doctor.folder import data_folder as folder
from deploy.doctor.installation import installation
from deploy.doctor.keys import keys
from deploy.doctor.learning import learning
from deploy.doctor.model import model
from deploy.doctor.model_fit import model_fit
from deploy.doctor.parts import part
from deploy.doctor.retention import kafka_keeps, retention
from deploy.doctor.spool import spool
from deploy.errors import AwayError, SetupError
from deploy.learner.libraries import missing_line
from deploy.processes import data_folder, probes
from deploy.processes.addresses import addresses as addresses_of
from deploy.settings.model import Settings
from deploy.wiring.keys import admin_key, probe_key
from deploy.wiring.retention import limits

#: The setting that says where each part listens.
_SETTINGS = {
    "ingest": "ingest.port",
    "worker": "worker.metrics_port",
    "writer": "storage.metrics_port",
    "api": "api.port",
    "store": "api.port",
    "webhooks": "webhooks.metrics_port",
    "learner": "learning.metrics_port",
}


async def examine(settings: Settings) -> list[Finding]:
    """What all checks found, for a system with these settings, which may run or not."""
    settings = data_folder.as_running(settings)
    addresses = addresses_of(settings)
    findings = [installation(), folder(settings.data_dir), *spool(settings), *keys(settings), model(settings.scoring)]
    get = partial(probes.get, key=probe_key(settings))
    ahead: dict[str, float] = {}
    for found, times in (
        await _kafka(settings),
        await asyncio.to_thread(databases.relational_database, settings),
        await asyncio.to_thread(databases.clickhouse, settings, addresses.get("api") or addresses["store"], get),
    ):
        findings += found
        ahead |= times
    findings.append(clocks(ahead))
    for name, address in addresses.items():
        elsewhere = settings.profile != "embedded"
        findings.append(
            await asyncio.to_thread(
                part, name, _SETTINGS[name], address, version("op-ecom"), elsewhere, get
            )
        )  # fmt: skip
    reads = partial(probes.get, key=admin_key(settings))
    api = addresses.get("api") or addresses["store"]
    for check in (model_fit, drift):
        findings += await asyncio.to_thread(check, api, reads)
    findings += await asyncio.to_thread(learning, settings.learning.promotion, missing_line(), api, reads)
    in_memory = settings.profile == "embedded" and settings.kafka.embedded_broker == "memory"
    findings += kafka_keeps(settings.kafka, limits(settings), in_memory)
    findings += await asyncio.to_thread(retention, limits(settings), api, reads, int(time.time() * 1000))
    return findings


async def _kafka(settings: Settings) -> databases.Found:
    try:
        return await log.log(settings)
    except AwayError as error:
        remedy = ": start the system with `opecom up`" if settings.profile == "embedded" else ""
        return [Finding("Kafka", "fault", f"{error}{remedy}")], {}
    except SetupError as error:
        return [Finding("topics", "fault", str(error))], {}
