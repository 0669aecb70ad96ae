"""`opecom subscribe`: follows the topic of scored sessions by plain Kafka, as any consumer of yours may."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from deploy.errors import AwayError
from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.processes.data_folder import as_running
from deploy.settings.model import Settings, load
from deploy.terminal import intents as tables
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from scoring.manifest import Band
from storage.live.subscribe import Start, UpdateFilter, follow
from storage.query.intents import intent_of
from stream.kafka.client_log import silence_libraries
from stream.scored import ScoredSession, encode


def subscribe(
    site: Annotated[str | None, typer.Option(help="One site; none: all.")] = None,
    band: Annotated[Band | None, typer.Option(help="One band; none: all.")] = None,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="The least probability.")] = 0.0,
    from_start: Annotated[bool, typer.Option("--from-start", help="All that the topic holds, first.")] = False,
    bots: Annotated[bool, typer.Option("--bots", help="Also sessions of programs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The records of the topic as they are, one per line.")] = False,
) -> None:
    """Follows scored sessions as they come, until Ctrl-C."""
    settings = as_running(load())
    silence_libraries()
    console = TerminalConsole(highlight=False, soft_wrap=True)

    def as_json(update: ScoredSession) -> None:
        print_line(encode(update).decode(), flush=True)

    def as_line(update: ScoredSession) -> None:
        console.print(tables.line(intent_of(update)))

    wanted = UpdateFilter(site, band, min_probability, bots=bots)
    # Whoever reads our lines may have read enough: `opecom subscribe --json | head -1`.
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(_follow(settings, wanted, "start" if from_start else "end", as_json if json else as_line))
        return
    sys.stderr.close()


async def _follow(
    settings: Settings, wanted: UpdateFilter, start: Start, show: Callable[[ScoredSession], None]
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    kafka, clients = settings.kafka, kafka_clients(settings.kafka)
    log_name = await log_id(clients)
    try:
        async with follow(clients, kafka.scored_topic, log_name, wanted, start) as follower:
            while not stop.is_set():
                for found in await follower.more(0.25):
                    show(found.update)
    except (KafkaError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise AwayError(f"Kafka at {kafka.bootstrap} (kafka.bootstrap) gives no scores: {error}") from error
