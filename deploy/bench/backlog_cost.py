"""What a way to write the worker needs for a backlog, and whether all of the backlog came back."""

from dataclasses import dataclass

from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, compare

#: How long one way may take, in seconds.
LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class LoopCost:
    """What one way needed for its events."""

    events: int
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Events per CPU second."""
        return self.events / self.cpu_seconds


async def check(log: BenchLog, sent: set[str], name: str) -> None:
    """Raise BenchError unless every event came back as one score and none as a dead letter."""
    kafka = log.settings.kafka
    dead = sum(await log.ends(kafka.dead_topic))
    if dead:
        raise BenchError(f"{name}: {dead} events became dead letters, so there is no figure")
    compare(sent, await log.scored_ids(await log.ends(kafka.scored_topic)), name)
