"""What an embedded log says to the spool is what its folder has, as soon as that is renewed."""

from pathlib import Path

from deploy.local.event_store import EmbeddedEventStore
from deploy.local.log_folder import LogFolder, PartitionCheckpoint


async def test_it_follows_the_folder(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path / "log")
    store = EmbeddedEventStore(folder)
    folder.begin(2)
    assert (store.generation(), store.settled(0), await store.stored_tail(0)) == ("", 0, None)
    for events in (3, 4):
        folder.keep_checkpoint({0: PartitionCheckpoint(events, key=b"k", value=b"%d" % events)})
        assert (store.settled(0), await store.stored_tail(0)) == (events, (b"k", b"%d" % events))
    assert (store.settled(1), await store.stored_tail(1)) == (0, None)
    folder.filled()
    assert store.generation() == folder.generation() != ""
    folder.begin(2)
    assert (store.generation(), store.settled(0), await store.stored_tail(0)) == ("", 0, None)
