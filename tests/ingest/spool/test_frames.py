"""A segment's bytes: what was written is read, what is torn is cut, and no damage is passed in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.spool.frames import (
    HEAD,
    Damage,
    SpooledRecord,
    decode_records,
    encode_frame,
    encode_records,
    find_frame,
    frame_at,
    leading_frames,
    scan,
)

RECORDS = st.builds(
    SpooledRecord,
    partition=st.integers(0, 0xFFFF),
    timestamp=st.integers(-(2**63), 2**63 - 1),
    key=st.binary(max_size=40),
    value=st.binary(max_size=200),
)
GROUPS = st.lists(st.lists(RECORDS, min_size=1, max_size=5), min_size=1, max_size=6)


def segment(groups: list[list[SpooledRecord]], first: int = 0) -> tuple[bytes, list[int]]:
    """The bytes of a segment, and where each of its frames ends."""
    data, ends = HEAD, []
    for group in groups:
        data += encode_frame(first, len(group), [encode_records(group)])
        ends.append(len(data))
        first += len(group)
    return data, ends


def read(data: bytes) -> list[list[SpooledRecord]]:
    return [list(decode_records(frame.payload)) for frame in scan(data).frames]


@given(GROUPS, st.integers(0, 2**40))
def test_what_is_written_is_read(groups: list[list[SpooledRecord]], first: int) -> None:
    data, _ = segment(groups, first)
    found = scan(data)
    assert read(data) == groups
    assert found.damages == []
    assert found.good == len(data)
    assert found.frames[0].first == first
    assert found.frames[-1].after == first + sum(map(len, groups))


@given(GROUPS, st.data())
def test_a_segment_that_is_cut_anywhere_has_all_frames_before_the_cut(
    groups: list[list[SpooledRecord]], data: st.DataObject
) -> None:
    whole, ends = segment(groups)
    cut = data.draw(st.integers(0, len(whole)))
    found = scan(whole[:cut])
    kept = [group for group, end in zip(groups, ends, strict=True) if end <= cut]
    assert read(whole[:cut]) == kept
    assert found.damages == []
    assert found.good == max([end for end in ends if end <= cut], default=len(HEAD) if cut >= len(HEAD) else 0)


@given(GROUPS, st.data())
def test_a_changed_byte_spoils_its_frame_alone_and_is_damage_where_a_good_frame_follows(
    groups: list[list[SpooledRecord]], data: st.DataObject
) -> None:
    whole, ends = segment(groups)
    place = data.draw(st.integers(len(HEAD), len(whole) - 1))
    changed = data.draw(st.integers(1, 255))
    spoiled = whole[:place] + bytes([whole[place] ^ changed]) + whole[place + 1 :]
    hit = next(number for number, end in enumerate(ends) if place < end)
    assert read(spoiled) == groups[:hit] + groups[hit + 1 :]
    begin = ends[hit - 1] if hit else len(HEAD)
    assert scan(spoiled).damages == ([Damage(begin, ends[hit])] if hit < len(groups) - 1 else [])


@given(st.binary(max_size=400))
def test_noise_is_no_frame(noise: bytes) -> None:
    assert scan(HEAD + noise).frames == []


def test_a_frame_is_found_where_it_begins_and_only_whole() -> None:
    data, ends = segment([[SpooledRecord(1, 2, b"key", b"value")]])
    begin = len(HEAD)
    assert frame_at(data[:-1], begin) is None
    found = find_frame(data, 0)
    assert found is not None
    assert (found.begin, found.end) == (begin, ends[0])
    assert leading_frames(data[begin:] + b"noise") == [found._replace(begin=0, end=ends[0] - begin)]


def test_a_key_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="70000 bytes"):
        encode_records([SpooledRecord(0, 0, b"k" * 70_000, b"")])
