"""Opens the relational database as the settings say: MariaDB, or SQLite in the data folder."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Engine, exc

from deploy.errors import AwayError, SetupError
from deploy.processes.private_files import make_private
from deploy.settings.model import Settings
from storage.database import migrate
from storage.database.engine import engine_of
from storage.database.errors import line_of

#: MariaDB's errors for a user, a password or a database that it does not know: waiting fixes none of them.
WRONG_CREDENTIALS = {1044, 1045, 1049, 1698}


def relational(settings: Settings) -> Engine:
    """MariaDB by storage.url, else SQLite in the data folder."""
    url = settings.storage.url.get_secret_value()
    if url:
        try:
            return engine_of(url)
        except (exc.ArgumentError, ImportError) as error:
            # Never the URL itself: it holds the password.
            raise SetupError(
                "storage.url is no SQLAlchemy URL that this installation can use: "
                f"mariadb+pymysql://user:...@host/name ({type(error).__name__})"
            ) from None
    if settings.profile != "embedded":
        raise SetupError(
            "storage.url is empty: set the SQLAlchemy URL of MariaDB, mariadb+pymysql://user:...@host/name"
        )
    make_data_folder(settings)
    return engine_of(f"sqlite:///{settings.data_dir / 'opecom.sqlite'}")


def relational_of_this_program(settings: Settings) -> Engine:
    """The relational database alone, for a command: in the embedded profile brought up to this program's schema, which
    may be while the system runs, else checked. Raises SetupError."""
    engine = relational(settings)
    kind, run = migrate.relational_kind(engine), migrate.relational_run(engine)
    try:
        with explained():
            engine.connect().close()
            (migrate.migrate if settings.profile == "embedded" else migrate.check)(kind, run)
    except migrate.SchemaError as error:
        engine.dispose()
        raise SetupError(str(error)) from error
    except SetupError:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A relational database that does not open as one line; a wrong password is no reason to try again."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        original = getattr(error, "orig", None)
        code = original.args[0] if original is not None and original.args else None
        kind = SetupError if code in WRONG_CREDENTIALS else AwayError
        raise kind(f"the relational database does not open ({line_of(error)}): see storage.url, data_dir") from error


def make_data_folder(settings: Settings) -> None:
    """Raises SetupError where it cannot be made."""
    try:
        make_private(settings.data_dir)
    except OSError as error:
        raise SetupError(f"data_dir {settings.data_dir} cannot be made ({error.strerror})") from error
