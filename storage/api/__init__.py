"""The query API put together: its application and its documents."""
