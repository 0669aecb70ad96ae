"""After how much silence a condition of time is looked at: no event arrives, so the clock of the log asks."""

from stream.experiments.conditions import Condition
from stream.experiments.vocabulary import IDLE_SECONDS


def due_after(when: Condition) -> tuple[int, ...]:
    """The silences that a condition names, in ms, the shortest first; what must be exceeded is looked at 1 ms later."""
    named = when.compared.get(IDLE_SECONDS, ())
    found = {round(value * 1000) + (sign == ">") for sign, value in named}
    return tuple(sorted(each for each in found if each > 0))
