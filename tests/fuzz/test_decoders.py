"""A slice of `make fuzz`: no bytes bring a decoder to raise anything but its own refusal."""

import random

import pytest

from ingest.collect import batch
from stream.fold.mark import decode_mark
from tests.fuzz.decoders import DECODERS, EVENTS, SENDER, mutated


@pytest.mark.parametrize("name", DECODERS)
def test_no_mutation_of_valid_bytes_is_an_uncaught_error(name: str) -> None:
    decoder, dice = DECODERS[name], random.Random(5)
    for seed in decoder.seeds:
        decoder.run(seed)
    for _ in range(4_000):
        decoder.run(mutated(decoder.seeds, dice))


def test_the_seeds_of_events_are_taken() -> None:
    """A batch that is refused would leave controls alone to begin from."""
    assert not batch(EVENTS, SENDER, 20).refused


@pytest.mark.parametrize("text", ['{"x":' + "[" * 3_000, "z:\udcff", "z:", '{"next":9223372036854775808}'])
def test_metadata_that_is_no_mark_is_none(text: str) -> None:
    """Found here: what nests too deeply raised RecursionError, and the worker that took the partition ended."""
    assert decode_mark(text) is None
