"""Everything between this system and Kafka, with the traps of its client."""
