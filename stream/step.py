"""The step that every path shares: batches of records folded into sessions, and the updates scored.

Live scoring calls these functions, and so can whatever scores a log again; they do no I/O and read no wall clock. What
they need from outside (partitions, models) is given to them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import msgspec
from msgspec import Struct

from scoring.contracts import ValueGetter
from scoring.model import Model
from scoring.reasons import reason_text, strongest_reasons
from scoring.site_bands import SiteClassifier
from scoring.site_scores import SiteScores, score_sessions
from stream.codegen import compile_struct_builder
from stream.experiments.enrolment import NOT_ENROLLED, assignments
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import EmitPolicy, FoldResult
from stream.fold.update import UnscoredUpdate
from stream.interventions.decide import decide
from stream.scored import ArmAssignment, Reason, ScoredSession, SessionUpdate, without_payload

#: Most updates that are scored, encoded and published at a time; the model runs on 256 of them at once (onnx.py).
SCORE_ROWS = 2_048
#: Events in a row that could not be folded: the fault is the program's, not theirs.
FAILURES_IN_A_ROW = 50
#: Reasons that a record carries.
REASONS = 3

#: The model of a version in force, the empty version being the default model; raises ModelError where there is none.
ModelLoader = Callable[[str], Model]


_SCORE = ("probability", "label", "band", "kept_band", "reasons", "model_version", "experiments", "holdout")
#: (update, *_SCORE) -> ScoredSession; the other fields are read off the update.
_with_score = compile_struct_builder(ScoredSession, SessionUpdate.__struct_fields__, _SCORE)


class ScoredUpdate(Struct, frozen=True, gc=False):
    """Where a record of `scored-sessions` goes, and the record."""

    partition: int
    key: bytes
    record: ScoredSession


class FoldedBatches(NamedTuple):
    """What came of the batches of one fetch, and the partitions whose consumer must seek back, with their `next`."""

    folded: FoldResult
    seek: dict[int, int]


def fold(
    partitions: Mapping[int, Partition],
    batches: Mapping[int, Sequence[LogRecord]],
    failure_run: int = 0,
    policy: EmitPolicy | None = None,
    decides: bool = False,
) -> FoldedBatches:
    """Fold one batch for each of several partitions; the client's position is never trusted.

    A batch that begins before its partition's `next` is trimmed. One that begins past it, or has a hole, is folded up
    to there and the partition is named in `seek`. `decides`: see FoldResult.
    """
    folded = FoldResult(failure_run, policy, decides=decides)
    seek: dict[int, int] = {}
    for number, records in batches.items():
        partition = partitions[number]
        for record in records:
            offset = record.offset
            if offset == partition.next:
                partition.fold(record, folded)
            elif offset > partition.next:
                seek[number] = partition.next
                break
    return FoldedBatches(folded, seek)


def unbroken(records: Sequence[LogRecord], offset: int) -> Sequence[LogRecord]:
    """Those that `fold` takes where `offset` is next: what is refused behind a hole depends on what is in the hole."""
    found = []
    for record in records:
        if record.offset == offset:
            found.append(record)
            offset += 1
        elif record.offset > offset:
            break
    return found


def score(updates: Sequence[UnscoredUpdate], models: ModelLoader) -> Iterator[Sequence[ScoredUpdate]]:
    """Score updates, each by the model that was in force for it; gives them as they are ready.

    They come in their order, SCORE_ROWS at a time at most. What interventions fire is decided here, and kept in the
    sessions: each update must be scored once, before a later one of its session.
    """
    for begin in range(0, len(updates), SCORE_ROWS):
        some = updates[begin : begin + SCORE_ROWS]
        if len({update.model for update in some}) == 1:
            if decided := _decided(some, _scored(some, models(some[0].model))):
                yield decided
            continue
        ready: list[ScoredUpdate | None] = [None] * len(some)
        for version, of_version in _places_by_model(some).items():
            scored = _scored([some[place] for place in of_version], models(version))
            for place, update in zip(of_version, scored, strict=True):
                ready[place] = update
        if decided := _decided(some, cast(list[ScoredUpdate], ready)):
            yield decided


def probabilities(updates: Sequence[UnscoredUpdate], models: ModelLoader) -> Iterator[tuple[SessionUpdate, float, str]]:
    """The updates with their probability and the version of the model that gives it, without reasons."""
    for begin in range(0, len(updates), SCORE_ROWS):
        some = updates[begin : begin + SCORE_ROWS]
        found: list[tuple[float, str]] = [(0.0, "")] * len(some)
        for version, places in _places_by_model(some).items():
            model = models(version)
            scores = _site_scores([some[place] for place in places], model)
            for place, probability in zip(places, scores.probability.tolist(), strict=True):
                found[place] = probability, model.manifest.version
        yield from ((update.record, *each) for update, each in zip(some, found, strict=True))


def _places_by_model(updates: Sequence[UnscoredUpdate]) -> dict[str, list[int]]:
    """Where the updates of each model are: those of sites with models of their own come between others."""
    places: dict[str, list[int]] = {}
    for place, update in enumerate(updates):
        places.setdefault(update.model, []).append(place)
    return places


def _decided(updates: Sequence[UnscoredUpdate], scored: Sequence[ScoredUpdate]) -> Sequence[ScoredUpdate]:
    """The updates with what has fired in their sessions, without those that are not published."""
    if all(update.session is None for update in updates):
        return scored
    ready = []
    for update, made in zip(updates, scored, strict=True):
        session = update.session
        if session is None:
            ready.append(made)
            continue
        before = session.fired
        fired = session.fired = decide(before, update.enrolment.interventions, made.record, session.calendar.hour)
        if update.published == "always" or (update.published == "if_fired" and fired is not before):
            record = made.record
            if fired:
                # A session may have a dozen payloads; each goes once.
                carried = (*map(without_payload, before), *fired[len(before) :])
                record = msgspec.structs.replace(record, interventions=carried)
            ready.append(ScoredUpdate(made.partition, made.key, record))
    return ready


def _scored(updates: Sequence[UnscoredUpdate], model: Model) -> list[ScoredUpdate]:
    version = model.manifest.version
    scores = _site_scores(updates, model)
    names, getters, classify = scores.names, scores.getters, SiteClassifier(model.manifest).classify
    columns, contributions = strongest_reasons(scores.reasons, REASONS)
    ready = []
    for update, probability, strongest, moved in zip(
        updates, scores.probability.tolist(), columns.tolist(), contributions.tolist(), strict=True
    ):
        session = update.record
        reasons = _reasons(session, names, getters, strongest, moved)
        classified = classify(probability, update.profile, session.counts.events)
        enrolment = update.enrolment
        arms: tuple[ArmAssignment, ...] = ()
        if enrolment is not NOT_ENROLLED:
            arms = assignments(enrolment.arms, session, probability, classified[1])
        record = _with_score(session, probability, *classified, reasons, version, arms, enrolment.is_held_out)
        ready.append(ScoredUpdate(update.partition, update.key, record))
    return ready


def _site_scores(updates: Sequence[UnscoredUpdate], model: Model) -> SiteScores:
    records = [update.record for update in updates]
    profiles = [update.profile for update in updates]
    return score_sessions(model, records, [record.counts.events for record in records], profiles)


def _reasons(
    session: SessionUpdate,
    names: Sequence[str],
    getters: Sequence[ValueGetter],
    columns: list[int],
    contributions: list[float],
) -> tuple[Reason, ...]:
    """The reasons of one row, without those that moved nothing."""
    made = []
    for column, contribution in zip(columns, contributions, strict=True):
        if contribution:
            feature, value = names[column], getters[column](session)
            made.append(Reason(feature, value, contribution, reason_text(feature, value, contribution)))
    return tuple(made)
