"""A sink of a chDB inside this process that looks whether what was written is on the disk: see unwritten_parts.py."""

import time
from typing import Any

from clickhouse_connect.driver.exceptions import Error

from storage.database.errors import DatabaseUnavailableError
from storage.database.unwritten_parts import unwritten_parts
from storage.write.block import Block
from storage.write.sink import Sink

#: Seconds: ClickHouse keeps the time of a part in whole ones.
_ROUNDING = 1


class WrittenSink:
    """`sink` writes by `client`. Of a block that did not reach the disk it says that the database does not take it."""

    def __init__(self, sink: Sink, client: Any) -> None:
        self._sink = sink
        self._client = client

    def write(self, block: Block) -> None:
        began = int(time.time()) - _ROUNDING
        self._sink.write(block)
        try:
            parts = unwritten_parts(self._client, began)
        except (Error, OSError) as error:
            raise DatabaseUnavailableError(str(error).partition("\n")[0]) from error
        if parts:
            raise DatabaseUnavailableError(f"the disk refused what chDB took for written, {parts[0]}: make room")
