"""What GET /learning answers. Plain data."""

from msgspec import Struct

from scoring.learner.run import LearnerRun


class SiteLearning(Struct, frozen=True):
    """The runs of a site, the newest first."""

    site: str
    runs: list[LearnerRun]


class LearningRuns(Struct, frozen=True):
    """The sites by name; none where the learner has looked at none yet."""

    sites: list[SiteLearning]
