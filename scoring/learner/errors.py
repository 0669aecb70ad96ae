"""How a step of the learner may fail; each message is one line for the user."""

from scoring.errors import ScoringError


class LearnerError(ScoringError):
    """A step of the learner that was not done."""


class StepFailedError(LearnerError):
    """What was asked for cannot be done, now or later: the run ends with this line."""


class StepDelayedError(LearnerError):
    """Something is away: the same step may be done later."""
