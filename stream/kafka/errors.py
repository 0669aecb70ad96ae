"""What goes wrong between Kafka and a part of ours."""

from stream.errors import StreamError


class KafkaUnavailableError(StreamError):
    """Kafka does not answer; the message says what was asked and names the setting that says where Kafka is."""
