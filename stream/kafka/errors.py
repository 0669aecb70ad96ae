"""What goes wrong between Kafka and a part of ours."""


class KafkaUnavailableError(RuntimeError):
    """Kafka does not answer; the message says what was asked and names the setting that says where Kafka is."""
