"""`opecom migrate`: brings both databases to the newest schema."""

from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.wiring.storage import migrate_all


def migrate() -> None:
    """Brings both databases to the newest schema; safe to repeat."""
    print_line("\n".join(migrate_all(load())) or "both databases have the newest schema")
