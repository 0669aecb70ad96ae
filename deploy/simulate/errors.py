"""What a file of sessions can lack."""

from deploy.errors import SetupError


class SimulationDataError(SetupError):
    """The file is not the one that is meant, or a part of it cannot be a session; the message names file and line."""
