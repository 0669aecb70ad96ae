"""Browser to Kafka: checks, enriches and publishes events; knows nothing of sessions."""
