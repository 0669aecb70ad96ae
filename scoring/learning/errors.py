"""Why nothing can be learned."""

from scoring.errors import ScoringError


class LearningError(ScoringError):
    """What the sessions lack, or why a model was not made; one line."""
