"""How a database may refuse a write."""


class RefusedError(Exception):
    """The database will never take these rows; a smaller block finds out which."""


class UnavailableError(Exception):
    """The database is away or busy; the same block may be written later."""
