"""How a part that uses databases ends: its exit code, and one line of the log for what it cannot go on with."""

import logging
from collections.abc import Awaitable, Mapping

from aiokafka.errors import KafkaError

from storage.database.errors import line_of
from storage.database.migrate import SchemaError
from storage.write.continuity import ContinuityError
from storage.write.writer import WriterError
from stream.kafka.client_log import ENDS
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.topic_follower import TopicMissingError

log = logging.getLogger(__name__)

STOPPED, FAILED = 0, 70


async def outcome(part: Awaitable[None], databases: Mapping[type[Exception], str]) -> int:
    """The exit code of a part; `databases` names the setting to look at for the errors of each of its databases."""
    try:
        await part
    except (KafkaUnavailableError, WriterError, TopicMissingError, ContinuityError, SchemaError) as error:
        log.error("%s", error, extra=ENDS)
    except KafkaError as error:
        log.error("Kafka failed (%s): see kafka.bootstrap", error, extra=ENDS)
    except tuple(databases) as error:
        # It was there when it was opened, and went away before the part insists.
        setting = next(setting for kind, setting in databases.items() if isinstance(error, kind))
        log.error("a database failed (%s): see %s", line_of(error), setting, extra=ENDS)
    else:
        return STOPPED
    return FAILED
