"""Stored features against those of the log, value by value. Pure; numbers are equal as in compare.py."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import astuple

from scoring.features import NAMES
from scoring.signals import SIGNALS, Signals
from storage.replay.compare import differing
from storage.replay.feature_differences import FeatureDifference
from stream.scored import Identity, SessionUpdate

#: What is compared, in the order of `values_of`.
COLUMNS: tuple[str, ...] = (*NAMES, *SIGNALS, "has_page_statistics")

#: Identity and offset: what makes an update one.
UpdatePlace = tuple[Identity, int]
FeatureValues = Sequence[Any]

_UNKNOWN = (None,) * len(Signals.__struct_fields__)


def values_of(update: SessionUpdate) -> FeatureValues:
    """The features and signals of an update, in the order of COLUMNS."""
    return (*astuple(update.features), *(_UNKNOWN if update.signals is None else astuple(update.signals)))


def differences(
    partition: int, computed: Mapping[UpdatePlace, FeatureValues], stored: Mapping[UpdatePlace, FeatureValues]
) -> Iterator[FeatureDifference]:
    """The differences of updates of a partition, in the order of the log."""
    for place in sorted(computed.keys() | stored.keys(), key=_in_log):
        identity, offset = place
        before, now = stored.get(place), computed.get(place)
        if before is None or now is None:
            yield FeatureDifference(
                *identity, partition, offset, "", is_stored=before is not None, is_computed=now is not None
            )
            continue
        # A row of before there were signals has none of them.
        width = len(NAMES) if all(each is None for each in before[len(NAMES) :]) else len(COLUMNS)
        for name in differing(COLUMNS[:width], before[:width], now[:width]):
            at = COLUMNS.index(name)
            yield FeatureDifference(*identity, partition, offset, name, before[at], now[at])


def _in_log(place: UpdatePlace) -> tuple[int, Identity]:
    return place[1], place[0]
