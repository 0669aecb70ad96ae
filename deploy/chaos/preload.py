"""What parts import, for the process that is forked to run them (forked.py); it has no other use."""

from importlib import import_module

from deploy.processes.imports import collector_paused

MODULES = (
    "deploy.cli.run",
    "deploy.chaos.launcher",
    *(f"deploy.wiring.{part}" for part in ("ingest", "worker", "writer", "api", "webhooks")),
)

with collector_paused():
    for name in MODULES:
        import_module(name)
