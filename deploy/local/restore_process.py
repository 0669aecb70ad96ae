"""The process that `opecom up` runs before the parts of a new embedded broker; its last line is for the user."""

import asyncio
import sys

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from sqlalchemy.exc import SQLAlchemyError

from deploy.errors import AwayError, SetupError
from deploy.local.log_folder import LOST
from deploy.local.log_image import LostLogError
from deploy.local.restore import restore
from deploy.processes.private_files import create_privately
from deploy.settings.model import load
from deploy.terminal.plain import print_line
from storage.database.errors import line_of
from storage.errors import StorageError
from stream.errors import StreamError


def main() -> int:
    """The exit code: 0, LOST, or that of an error, which is the last line then."""
    create_privately()
    try:
        print_line(asyncio.run(restore(load())))
    except LostLogError as error:
        print_line(f"{error}: another log begins")
        return LOST
    except SetupError as error:
        print_line(str(error))
        return error.exit_code
    except (StorageError, StreamError, SQLAlchemyError, ClickHouseError, OSError) as error:
        print_line(f"the log cannot be read from the databases: {line_of(error)}")
        return AwayError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
