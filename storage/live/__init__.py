"""Live updates for subscribers: one Kafka consumer, many server-sent event streams."""
