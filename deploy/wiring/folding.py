"""What every process has that folds or writes, whether a worker, a replay, a writer or a benchmark; needs no Faust."""

import gc
from typing import Any

from stream.kafka.clients import KafkaClients

#: Largest record batch; Kafka's own limit of a message is 1,048,588 bytes.
BATCH_BYTES = 900_000


def collect_rarely() -> None:
    """For a process that folds or writes: sessions and records hold no cycles, and the collector would walk all of them
    for nothing."""
    gc.set_threshold(100_000, 50, 1_000)


def scored_producer(clients: KafkaClients) -> Any:
    """The worker's producer, not started: what waits goes at once, in batches as large as there is to send."""
    return clients.producer(max_batch_size=BATCH_BYTES, linger_ms=0)
