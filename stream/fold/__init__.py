"""Events to sessions: pure functions of the log, without Kafka, clock or database."""
