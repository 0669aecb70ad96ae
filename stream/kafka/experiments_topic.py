"""The `experiments` topic: following it into Experiments, and adding to it."""

from aiokafka import AIOKafkaProducer

from stream.experiments.definition import Definition, encode
from stream.experiments.history import Experiments
from stream.kafka.clients import KafkaClients
from stream.kafka.topic_follower import TopicFollower


def experiments_follower(clients: KafkaClients, topic: str, experiments: Experiments, timeout: float) -> TopicFollower:
    """Reads `experiments`; `timeout` in seconds."""
    return TopicFollower(
        *(clients, topic, experiments, timeout), what="experiments", remedy="start the experiments again"
    )


async def read_experiments(clients: KafkaClients, topic: str, timeout: float) -> Experiments:
    """All that the topic has now; raises TopicMissingError, where it gives nothing, and KafkaError.

    Whole each time: it is short, and where it was filled again, the end that the embedded broker gives is too low.
    """
    experiments = Experiments()
    follower = experiments_follower(clients, topic, experiments, timeout)
    try:
        await follower.start()
        await follower.caught_up()
    finally:
        await follower.stop()
    return experiments


async def add_definition(producer: AIOKafkaProducer, topic: str, record: Definition) -> int:
    """Write a record, acknowledged; returns its version."""
    return int((await producer.send_and_wait(topic, encode(record), partition=0)).offset) + 1
