"""Clocks: how far those of the servers are from this machine's."""

from collections.abc import Mapping

from deploy.doctor.finding import Finding

#: Seconds of difference that are worth a word, and those that harm: events look late, or from the future.
WARNING, FAULT = 5.0, 60.0
REMEDY = "let NTP (chrony, systemd-timesyncd) set both clocks"


def clocks(ahead: Mapping[str, float]) -> Finding:
    """`ahead` says of each server how many seconds its clock is ahead of this machine's."""
    if not ahead:
        return Finding("clocks", "ok", "no server tells a time: this machine's clock is the only one")
    far = {name: seconds for name, seconds in ahead.items() if abs(seconds) > WARNING}
    if not far:
        most = max(map(abs, ahead.values()))
        return Finding("clocks", "ok", f"{', '.join(ahead)} within {most:.1f} s of this machine")
    differences = ", ".join(f"{name} is {abs(s):.0f} s {'ahead' if s > 0 else 'behind'}" for name, s in far.items())
    fault = any(abs(seconds) > FAULT for seconds in far.values())
    return Finding("clocks", "fault" if fault else "warning", f"{differences} of this machine: {REMEDY}")
