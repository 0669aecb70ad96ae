"""What the log says while Kafka is away: aiokafka and Faust write up to 64 lines a second, we write one a minute."""

import asyncio
import logging
import re
import threading
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from ingest.outage import EVERY, KAFKA_AWAY, OutageLog

log = logging.getLogger(__name__)

#: Loggers of libraries that speak with Kafka.
LIBRARIES = ("aiokafka", "faust", "mode")
#: What their records say when they do not reach a broker, or hear nothing from it.
UNREACHED = re.compile(
    r"KafkaConnectionError|NodeNotReady|RequestTimedOut|KafkaTimeoutError|ConnectionError|Connect call failed|"
    r"Unable (to )?connect|Unable to (request|update) metadata|CoordinatorNotAvailable|marked as dead|"
    r"Connection (to|at) \S+ (closed|lost)|Failed to bootstrap|No broker metadata|UnknownMemberId|[Hh]eartbeat"
)
#: `extra` of a log record which says that Kafka answered; KAFKA_AWAY marks those that did not reach it.
ANSWERS = {"outage": "kafka-answers"}
#: `extra` of the log record that says why a part ends: where Kafka is lost, the client in its hands fails as well.
ENDS = {"outage": "part-ends"}

#: Seconds between two questions to a Kafka that is away.
QUESTION_EVERY = 2.0


class KafkaLogFilter(logging.Filter):
    """For a handler: turns what libraries say of a Kafka that is away into the few lines of an outage.

    A warning of theirs about anything else passes once a minute, and a part says once why it ends.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._outage = OutageLog(log, "Kafka answers again", clock)
        self._lock = threading.RLock()
        self._shown: dict[tuple[str, object], float] = {}
        self._ends = False

    @property
    def away_seconds(self) -> float:
        """How long Kafka has not answered, 0 while it does."""
        with self._lock:
            return self._outage.seconds

    def filter(self, record: logging.LogRecord) -> bool:
        mark = getattr(record, "outage", "")
        library = record.name.partition(".")[0] in LIBRARIES
        if mark == "line" or not (mark or library):
            return True
        with self._lock:
            if mark == ANSWERS["outage"]:
                self._outage.answered()
                return False
            if mark == ENDS["outage"]:
                first, self._ends = not self._ends, True
                return first
            text = record.getMessage()
            if mark == KAFKA_AWAY["outage"] or UNREACHED.search(
                f"{text} {record.exc_info[1] if record.exc_info else ''}"
            ):
                self._outage.failed(
                    f"Kafka does not answer ({text.partition(chr(10))[0]:.200}); trying again, nothing is lost. "
                    "kafka.bootstrap says where it is"
                )
                return False
            return not self._outage.away and self._is_due(record)

    def _is_due(self, record: logging.LogRecord) -> bool:
        now, kind = self._clock(), (record.name, record.msg)
        if now - self._shown.get(kind, -EVERY) < EVERY:
            return False
        if len(self._shown) > 1_000:
            self._shown.clear()
        self._shown[kind] = now
        return True


async def until_lost(
    kafka: KafkaLogFilter, question: Callable[[], Awaitable[object]], patience: float, every: float = QUESTION_EVERY
) -> None:
    """Return when Kafka has not answered for `patience` seconds.

    While it is away, `question` is a request of its own, which the filter hears where Kafka answers: clients with one
    failure and no reason to ask again would otherwise look as if Kafka stayed away.
    """
    while True:
        await asyncio.sleep(every)
        if kafka.away_seconds:
            await question()
            if kafka.away_seconds >= patience:
                return


def silence_libraries() -> None:
    """For a command whose own line says that Kafka is away: what the libraries add is left out."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_when_kafka_answers(connections: Any) -> None:
    """Let a client of aiokafka tell the log whenever Kafka has answered it: every answer brings metadata sooner or
    later, and after a failure at once."""
    connections.cluster.add_listener(_answers)


def _answers(_: object) -> None:
    log.info("Kafka answers", extra=ANSWERS)
