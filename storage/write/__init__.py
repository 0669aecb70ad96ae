"""The writer: Kafka records into both databases."""
