"""One record that takes the place of many: so the records after it stand at their old offsets in a new log.

A broker of version 2 batches takes the offsets of a batch from its header. One whose last offset lies far behind its
only record leaves a hole as compaction does: who reads from within it gets the record that follows.
"""

import struct

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record._crc32c import crc as crc32c

#: Most offsets that one batch takes.
MOST_OFFSETS = 2**31 - 1
#: Places in a batch: its checksum, from where that counts, and its last offset.
_CRC_AT, _COUNTED_FROM, _LAST_OFFSET_AT = 17, 21, 23


class FillerBatch(BatchBuilder):  # type: ignore[misc]
    """A batch with one record, which takes `offsets` offsets."""

    def __init__(self, value: bytes, timestamp: int, offsets: int) -> None:
        super().__init__(16 * 1024, 0)
        self._offsets = offsets
        self._filled: bytes | None = None
        self.append(timestamp=timestamp, key=None, value=value)

    def _build(self) -> bytes:
        if self._filled is None:
            batch = bytearray(super()._build())
            struct.pack_into(">i", batch, _LAST_OFFSET_AT, self._offsets - 1)
            struct.pack_into(">I", batch, _CRC_AT, crc32c(memoryview(batch)[_COUNTED_FROM:]))
            self._filled = bytes(batch)
        return self._filled
