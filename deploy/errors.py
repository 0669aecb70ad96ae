"""Failures that a user can mend: each is one clear line that names the setting or the command that mends it."""


class SetupError(Exception):
    """What this machine or its settings lack; the text is the line for the user, `exit_code` is the process's."""

    exit_code = 2


class AwayError(SetupError):
    """A service that does not answer now: the line is for the user, the exit code says that trying again may help."""

    exit_code = 70


class PortTakenError(SetupError):
    """`host:port` cannot be listened on; whoever knows which setting names the port catches this and says so."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {reason}")
        self.host = host
        self.port = port
        self.reason = reason
