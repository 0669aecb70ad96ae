"""What commands and parts import, for the process that is forked to run them; it has no other use."""

from importlib import import_module

from deploy.processes.imports import collector_paused

MODULES = (
    *(f"deploy.wiring.{part}" for part in ("ingest", "worker", "writer", "store", "api", "webhooks", "replay")),
    *(f"deploy.cli.{command}" for command in ("run", "up", "replay", "features", "simulate", "visitors", "webhooks")),
    *(f"deploy.cli.{command}" for command in ("migrate", "models", "pages", "sites", "query")),
)

with collector_paused():
    for name in MODULES:
        import_module(name)
