"""What a caller can catch; each message is one line."""


class OpecomSdkError(Exception):
    """Any failure of this package but a wrong argument, which is a ValueError."""


class RefusedError(OpecomSdkError):
    """The server refused for good: the same again is refused again. `status` of HTTP, `code` of the answer."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(f"refused ({status} {code}): {reason}")
        self.status, self.code, self.reason = status, code, reason


class UnavailableError(OpecomSdkError):
    """No answer that holds came within the time given: send the same again later, it counts once."""


class SignatureError(OpecomSdkError):
    """A webhook that was not signed with this secret, was changed on its way, or is too old."""
