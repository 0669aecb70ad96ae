"""Why retention removes nothing now; each message is one line that says what fixes it."""

from storage.errors import StorageError


class RetentionBusyError(StorageError):
    """Another process does it, or a replay runs, which could write back what is removed."""
