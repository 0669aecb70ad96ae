"""A candidate's shadow on the screen, and what the gate says of it."""

from deploy.errors import SetupError
from deploy.gate import refusals_of
from deploy.settings.model import Settings
from deploy.terminal import replay_progress
from deploy.terminal.console import TerminalConsole
from deploy.wiring.models import writable_registry
from scoring import registry
from scoring.folder import RegistryError
from scoring.shadow.report import ShadowReport
from storage.replay.request import ReplaySelection


def shadowed(settings: Settings, request: ReplaySelection, console: TerminalConsole) -> ShadowReport:
    """The shadow of a version whose contract and checksum hold, before the log is read and at the end of it. Raises
    SetupError and RegistryError."""
    folder = writable_registry(settings.scoring)
    registry.load(folder, request.model)
    report = replay_progress.shadow(settings, request, console)
    registry.load(folder, request.model)
    return report


def judged(settings: Settings, request: ReplaySelection, console: TerminalConsole) -> tuple[ShadowReport, list[str]]:
    """The shadow of the candidate, and why it may not go live, a line each. Raises SetupError."""
    try:
        report = shadowed(settings, request, console)
        return report, refusals_of(settings, report)
    except RegistryError as error:
        raise SetupError(str(error)) from error
