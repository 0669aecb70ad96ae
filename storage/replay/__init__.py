"""The log replayed into the databases, a topic or a file, beside live traffic, with an account of what changed."""
