"""How a database may refuse a write."""

from storage.errors import StorageError


class RowsRefusedError(StorageError):
    """The database will never take these rows; a smaller block finds out which."""


class DatabaseUnavailableError(StorageError):
    """The database is away or busy; the same block may be written later."""
