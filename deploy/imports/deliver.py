"""Sends the sorted events of each partition through the ingest API, from where it stopped."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.imports.sort import frame_size, read_frames
from deploy.imports.workspace import SentPosition, Workspace
from deploy.simulate.send import ROOM, EventSender, RequestBody, SendPace, send


async def deliver(
    workspace: Workspace,
    sender: EventSender,
    most_events: int,
    most_bytes: int,
    rate: float,
    accepted: Callable[[int], None],
) -> None:
    """Send what is not sent; the state says how far it is. Raises SendError and OSError."""
    paths = sorted(workspace.folder.glob("partition-*"))
    streams = [_stream(workspace, path, most_events, most_bytes) for path in paths]
    try:
        await send(streams, sender, SendPace(rate), accepted)
    finally:
        workspace.save()


def _stream(workspace: Workspace, path: Path, most_events: int, most_bytes: int) -> Iterator[RequestBody]:
    """The bodies of a partition; each is accepted when the next one is asked for."""
    position = workspace.state.sent.setdefault(int(path.name.rpartition("-")[2]), SentPosition())
    for events, size in _pieces(path, position.offset, most_events, most_bytes):
        yield RequestBody(len(events), _body(workspace.state.site, events))
        position.offset += size
        position.events += len(events)
        workspace.save_sometimes()


def _pieces(path: Path, start: int, most_events: int, most_bytes: int) -> Iterator[tuple[list[bytes], int]]:
    """Events that one request carries, and the bytes that they take in the file."""
    gathered: list[bytes] = []
    size, read = ROOM, 0
    for event in read_frames(path, start):
        if gathered and (len(gathered) >= most_events or size + len(event) + 1 > most_bytes):
            yield gathered, read
            gathered, size, read = [], ROOM, 0
        gathered.append(event)
        size += len(event) + 1
        read += frame_size(event)
    if gathered:
        yield gathered, read


def _body(site: str, events: list[bytes]) -> bytes:
    head = f'{{"site":"{site}","sent_at":{int(time.time() * 1000)},"events":['.encode()
    return head + b",".join(events) + b"]}"
