"""Digests with keys: they mean whom plain ones mean, nobody makes one without its key, and a missing key is noticed."""

import hmac
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Control, Erase, Event
from stream.fold.erasure_keys import NO_KEY, ErasureKeys, key_id_of
from stream.fold.erasures import ErasureKeyError, ErasureRecord, Erasures, encode, visitor_digest
from stream.fold.result import FoldResult
from tests.stream.test_properties import a_log
from tests.support.events import NOON
from tests.support.log import log_of, partition

OLD, NEW = b"the key of last year, 32 bytes or more", b"the key of this year, 32 bytes or more"
PLAIN, KEYED, ROTATED = ErasureKeys(), ErasureKeys([OLD]), ErasureKeys([NEW, OLD])


def test_a_digest_is_an_hmac_and_a_plain_one_is_as_it_was() -> None:
    message = b"visitor/shop/v1"
    assert PLAIN.visitor_digest("shop", "v1") == sha256(message).hexdigest() == visitor_digest("shop", "v1")
    assert KEYED.visitor_digest("shop", "v1") == hmac.new(OLD, message, "sha256").hexdigest()
    assert ROTATED.visitor_digests("shop", "v1") == [
        hmac.new(NEW, message, "sha256").hexdigest(),
        hmac.new(OLD, message, "sha256").hexdigest(),
        sha256(message).hexdigest(),
    ]


def test_the_id_of_a_key_is_made_from_it_and_does_not_reveal_it() -> None:
    assert ROTATED.newest == key_id_of(NEW) != key_id_of(OLD) == KEYED.newest
    assert ROTATED.ids == (key_id_of(NEW), key_id_of(OLD), NO_KEY)
    assert PLAIN.newest == NO_KEY
    for secret in (OLD, NEW):
        assert key_id_of(secret) not in secret.hex()
        assert key_id_of(secret) not in sha256(secret).hexdigest()


def test_records_of_earlier_versions_are_read_and_plain_ones_are_still_written_so() -> None:
    digest = visitor_digest("shop", "v1")
    was = b'{"digest":"%s","asked_at":%d,"settled":true}' % (digest.encode(), NOON)
    assert encode(ErasureRecord(digest, NOON, settled=True)) == was
    erasures = Erasures(keys=ROTATED)
    erasures.take(0, was)
    assert erasures.is_erased("shop", "s1", "v1")
    assert erasures.sessions_known("shop", "s1", "v1")


def test_everything_is_known_again_whenever_it_was_forgotten() -> None:
    erasures = Erasures(keys=ROTATED)
    made = (
        (PLAIN.visitor_digest("shop", "first"), NO_KEY),
        (KEYED.visitor_digest("shop", "second"), KEYED.newest),
        (ROTATED.visitor_digest("shop", "third"), ROTATED.newest),
        (ROTATED.session_digest("shop", "s4"), ROTATED.newest),
    )
    for offset, (digest, key_id) in enumerate(made):
        erasures.take(offset, encode(ErasureRecord(digest, NOON, True, key_id)))
    for visitor in ("first", "second", "third"):
        assert erasures.is_erased("shop~run", "s1", visitor)
    assert erasures.is_erased("shop", "s4", "anybody")
    assert not erasures.is_erased("shop", "s1", "fourth")
    assert not erasures.is_erased("other", "s1", "third")


@pytest.mark.parametrize("keys", [PLAIN, KEYED, ErasureKeys([NEW[:-1] + b"!"])], ids=["none", "another", "a wrong one"])
def test_a_key_that_is_missing_is_one_line_and_nobody_goes_on(keys: ErasureKeys) -> None:
    erasures = Erasures(keys=keys)
    erasures.take(0, encode(ErasureRecord(visitor_digest("shop", "v1"), NOON)))
    record = ErasureRecord(ROTATED.visitor_digest("shop", "v2"), NOON, True, ROTATED.newest)
    with pytest.raises(ErasureKeyError, match=r"erasures\.keys") as raised:
        erasures.take(1, encode(record))
    assert "\n" not in str(raised.value)
    assert ROTATED.newest in str(raised.value)
    assert "OPECOM_ERASURES__KEYS" in str(raised.value)
    # Whoever waits for this erasure waits on, and hears why.
    assert erasures.version == 1


@pytest.mark.parametrize("key_id", ["x", "0123", "0" * 17, "G" * 16])
def test_what_is_no_id_of_a_key_cannot_be_read(key_id: str) -> None:
    erasures = Erasures(keys=KEYED)
    with pytest.raises(msgspec.ValidationError):
        erasures.take(0, b'{"digest":"%s","asked_at":1,"key_id":"%s"}' % (b"0" * 64, key_id.encode()))
    assert erasures.version == 1


def _digests(keys: ErasureKeys, records: list[Event | Control], key_id: str) -> list[str]:
    sessions = {(each.site, each.session_id) for each in records if isinstance(each, Event) and each.visitor_id == "v1"}
    visitors = [keys.visitor_digest(site, "v1", key_id) for site in ("default", "other", "past")]
    return visitors + [keys.session_digest(*each, key_id) for each in sorted(sessions)]


def _fold(records: list[Event | Control], place: int, keys: ErasureKeys, key_id: str, is_live: bool) -> FoldResult:
    """The log with v1 forgotten at this place; live: the topic is read up to there when the controls come."""
    digests, result, erasures = _digests(keys, records[:place], key_id), FoldResult(), Erasures(keys=keys)
    state = partition(erasures=erasures)
    controls = [Erase(digest, len(digests)) for digest in digests]
    for record in log_of([*records[:place], *controls, *records[place:]]):
        if record.offset == (place if is_live else 0):
            for offset, digest in enumerate(digests):
                erasures.take(offset, encode(ErasureRecord(digest, NOON, True, key_id)))
        state.fold(record, result)
    return result


@settings(max_examples=25)
@given(records=a_log(), share=st.floats(0, 1), is_live=st.booleans())
def test_folds_and_replays_are_the_same_with_any_key(
    records: list[Event | Control], share: float, is_live: bool
) -> None:
    place = round(share * len(records))
    plain = _fold(records, place, PLAIN, NO_KEY, is_live)
    for keys, key_id in ((KEYED, KEYED.newest), (ROTATED, KEYED.newest), (ROTATED, ROTATED.newest)):
        keyed = _fold(records, place, keys, key_id, is_live)
        assert (keyed.sessions, keyed.counts, keyed.dead) == (plain.sessions, plain.counts, plain.dead)
