"""One block into one database, less the records that it will never take."""

from msgspec import Struct

from storage.database.errors import RowsRefusedError
from storage.write.block import Block, TopicRecord
from storage.write.sink import Sink

Refusal = tuple[TopicRecord, str]


class NamedSink(Struct, frozen=True):
    """A sink, what people call it, and the setting that says where it is."""

    name: str
    setting: str
    sink: Sink


def deliver(sink: Sink, block: Block) -> list[Refusal]:
    """Write a block; where the database refuses it, write its halves, down to the record that is at fault.

    The positions of a refused block are left out: continuity.py alone needs them, and older ones serve as well.
    """
    try:
        sink.write(block)
    except RowsRefusedError as error:
        if len(block) <= 1:
            return [(record, str(error)) for record in block.records()]
        first, second = block.halves()
        return deliver(sink, first) + deliver(sink, second)
    return []
