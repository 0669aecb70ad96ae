"""A peer: the same as Quix Streams' own documents would have it.

A streaming data frame with state: the session's sums live in its store (RocksDB, with its changelog topic), one run of
the model for each event, and the result goes to the topic. At least once, a checkpoint a second, as the worker commits.
"""

from typing import Any

import numpy as np
from quixstreams import Application, State

from deploy.bench.naive_sums import fold, new_session, row_of, scored_session
from deploy.bench.peer_programs.task import PeerTask, read


def run(task: PeerTask) -> None:
    model, calendar, statistics = task.model(), task.calendar(), task.statistics()
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=task.state,
        loglevel="ERROR",
    )
    events = app.topic(task.events_topic, key_deserializer="bytes", value_deserializer="json")
    scores = app.topic(task.scored_topic, key_serializer="bytes", value_serializer="json")

    def score(event: dict[str, Any], state: State) -> dict[str, Any]:
        session = state.get("session") or new_session()
        fold(session, event, statistics, statistics.version)
        state.set("session", session)
        row = row_of(session, event.get("context", {}), calendar)
        found = model.score(np.array([row], np.float32))
        return scored_session(session, event, row, float(found.probability[0]), found.reasons[0], model.manifest)

    frame = app.dataframe(events)
    frame.apply(score, stateful=True).to_topic(scores)
    app.run()


if __name__ == "__main__":
    run(read())
