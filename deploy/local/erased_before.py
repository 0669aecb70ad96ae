"""Who is forgotten, as the embedded database remembers it, for a log that begins."""

from pathlib import Path

from sqlalchemy.exc import OperationalError

from deploy.settings.model import Settings
from deploy.wiring.relational import relational
from storage.admin.journal import ErasureJournal
from storage.database.errors import DatabaseUnavailableError


def erased_before(settings: Settings, folder: Path) -> list[tuple[str, str]]:
    """The digests of the embedded system in this folder, each with the id of its key; none before its first start."""
    if not settings.storage.url.get_secret_value() and not (folder / "opecom.sqlite").exists():
        return []
    engine = relational(settings.model_copy(update={"data_dir": folder}))
    try:
        return ErasureJournal(engine).digests()
    except DatabaseUnavailableError as error:
        # Databases of a first start have no tables.
        if isinstance(error.__cause__, OperationalError) and "no such table" in str(error):
            return []
        raise
    finally:
        engine.dispose()
