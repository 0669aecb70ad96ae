"""A peer: a plain loop on confluent-kafka, written to be fast.

Takes what librdkafka has, up to a round's records, decodes, adds each to its session's sums, scores the round by one
run of the model, produces, flushes until every in-sync replica has acknowledged, and commits once a second. No state
survives it: after a crash its sums are wrong.
"""

from time import monotonic
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, Producer

from deploy.bench.naive_sums import fold, new_session, row_of, scored_session
from deploy.bench.peer_programs.task import PeerTask, read

#: Records of a round, as many as the worker's.
ROUND = 2_000


def run(task: PeerTask) -> None:
    model, calendar, statistics = task.model(), task.calendar(), task.statistics()
    decoder, encoder = msgspec.json.Decoder(), msgspec.json.Encoder()
    producer = Producer({
        "bootstrap.servers": task.bootstrap, "acks": "all", "enable.idempotence": True,
        "queue.buffering.max.messages": 1_000_000,
    })  # fmt: skip
    consumer = Consumer({
        "bootstrap.servers": task.bootstrap, "group.id": task.group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe([task.events_topic])
    sessions: dict[bytes, dict[str, Any]] = {}
    is_committed, commit_at, failed = True, monotonic(), []

    def acknowledged(error: Any, _message: Any) -> None:
        if error is not None:
            failed.append(error)

    while True:
        # All that was taken before is acknowledged.
        if not is_committed and monotonic() >= commit_at:
            consumer.commit(asynchronous=False)
            is_committed, commit_at = True, monotonic() + 1
        messages = consumer.consume(ROUND, timeout=0.1)
        if not messages:
            continue
        taken, rows = [], []
        for message in messages:
            if message.error() is not None:
                raise SystemExit(f"ERROR {message.error()}")
            event = decoder.decode(message.value())
            session = sessions.get(message.key())
            if session is None:
                session = sessions[message.key()] = new_session()
            fold(session, event, statistics, statistics.version)
            row = row_of(session, event.get("context", {}), calendar)
            rows.append(row)
            taken.append((message.key(), event, session["started_at"], session["amount"]))
        found = model.score(np.array(rows, np.float32))
        for (key, event, started_at, amount), row, probability, moved in zip(
            taken, rows, found.probability, found.reasons, strict=True
        ):
            session = {"started_at": started_at, "amount": amount}
            document = scored_session(session, event, row, float(probability), moved, model.manifest)
            producer.produce(task.scored_topic, encoder.encode(document), key, on_delivery=acknowledged)
            producer.poll(0)
        if producer.flush(60) or failed:
            raise SystemExit(f"ERROR Kafka did not acknowledge: {failed[:1]}")
        is_committed = False


if __name__ == "__main__":
    run(read())
