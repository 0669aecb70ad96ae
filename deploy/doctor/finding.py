"""What one check found, as one line."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "fault"]


class Finding(Struct, frozen=True):
    """`line` says what is so and, unless it is ok, which setting or command fixes it."""

    check: str
    state: State
    line: str


def worst(findings: list[Finding]) -> State:
    """The worst state among them."""
    order: list[State] = ["ok", "warning", "fault"]
    return max((finding.state for finding in findings), key=order.index, default="ok")
