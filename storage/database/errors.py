"""How a database may refuse a write, and what its clients say of it."""

from storage.errors import StorageError


class RowsRefusedError(StorageError):
    """The database will never take these rows; a smaller block finds out which."""


class DatabaseUnavailableError(StorageError):
    """The database is away or busy; the same block may be written later."""


def line_of(error: BaseException) -> str:
    """The beginning of what the driver says, without what SQLAlchemy puts around it."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0][:300]
