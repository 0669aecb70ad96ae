"""How a database may refuse a write."""


class RowsRefusedError(Exception):
    """The database will never take these rows; a smaller block finds out which."""


class DatabaseUnavailableError(Exception):
    """The database is away or busy; the same block may be written later."""
