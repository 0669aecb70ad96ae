"""What is learned from, read from the databases."""
