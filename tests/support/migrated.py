"""Empty databases with the newest schema, copied from one that this process has migrated, which costs less than half.

How a migration begins with nothing is tested by tests/storage/database and by each system that a test starts.
"""

import atexit
import contextlib
import functools
import shutil
from pathlib import Path
from tempfile import mkdtemp

from storage.database import migrate
from storage.write.clickhouse_sink import embedded_client


def copy_chdb(folder: Path) -> None:
    """Make the folder an empty chDB, where there is none; this process must have no other one open."""
    if not folder.exists():
        # Its links are relative.
        shutil.copytree(_migrated_chdb(), folder, symlinks=True)


@functools.cache
def _migrated_chdb() -> Path:
    kept = Path(mkdtemp(prefix="opecom-migrated-"))
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    with contextlib.closing(embedded_client(str(kept / "chdb"), "opecom")) as client:
        migrate.migrate("clickhouse", migrate.clickhouse_run(client))
    return kept / "chdb"
