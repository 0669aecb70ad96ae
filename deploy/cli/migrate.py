"""`opecom migrate`: brings both databases to the newest schema."""

from deploy.processes.audit_file import audited
from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.wiring.storage import migrate_all


def migrate() -> None:
    """Brings both databases to the newest schema; safe to repeat."""
    settings = load()
    with audited(settings, "migrate"):
        done = migrate_all(settings)
    print_line("\n".join(done) or "both databases have the newest schema")
