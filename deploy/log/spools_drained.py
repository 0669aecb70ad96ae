"""Before a tick: what was accepted before it must be in the log before it, in every life of an embedded broker.

A broker that died had events that no disk but the spool's had. The next one gets them again from there, after it is
filled, and a tick that went ahead would close an imported site's sessions: what came after it would count as sent
before, and be lost.
"""

import asyncio
from pathlib import Path
from time import monotonic

from deploy.errors import AwayError
from deploy.log.broker_life import LOOK, PATIENCE, generation
from deploy.processes.data_folder import spool_folder
from deploy.settings.model import KafkaSettings
from ingest.spool.beside import are_drained, spool_ends


async def spools_drained(kafka: KafkaSettings, patience: float = PATIENCE) -> None:
    """Returns when this life of an embedded broker has all that its spools hold now; at once beside a durable one.

    Raises AwayError where this life ends, or it takes longer than `patience` seconds, and OSError.
    """
    if kafka.is_beside and kafka.log_folder is not None:
        await _drained(kafka.log_folder, spool_folder(kafka.log_folder.parent), monotonic() + patience)


async def _drained(folder: Path, spools: Path, until: float) -> None:
    life = generation(folder)
    ends = await asyncio.to_thread(spool_ends, spools)
    while not life or not are_drained(ends, life):
        if generation(folder) != life:
            raise AwayError("another broker took over meanwhile: try again")
        if monotonic() > until:
            raise AwayError(f"the events in {spools} are not sent: see what `opecom up` and `opecom doctor` say")
        await asyncio.sleep(LOOK)
