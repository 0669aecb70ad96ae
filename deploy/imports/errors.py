"""What an import can meet: a file that cannot be used at all, and a row that cannot be an event."""

from deploy.errors import DeployError, SetupError


class ImportFileError(SetupError):
    """A file, a mapping or the folder of an import cannot be used; the message names it, and the line where it can."""


class RowRefusedError(DeployError):
    """One row is no event. `left_out`: the format has no use for it, so nothing is wrong with it."""

    def __init__(self, reason: str, left_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.left_out = left_out
