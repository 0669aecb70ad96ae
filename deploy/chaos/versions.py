"""The two versions of the model that a run promotes in turn: the shipped one, and one with other limits."""

from pathlib import Path

import msgspec

from scoring import registry

#: The name of the other one.
OTHER = "chaos-other-limits"


def seed_versions(folder: Path) -> None:
    """Make a registry of both, of which the shipped one is current; raises RegistryError."""
    registry.seed(folder)
    shipped = registry.current(registry.SHIPPED)
    manifest = registry.manifest(registry.SHIPPED, shipped)
    lower, upper = manifest.bands
    other = msgspec.structs.replace(
        manifest, version=OTHER, threshold=manifest.threshold / 2, bands=(lower / 2, upper / 2)
    )
    registry.add(folder, registry.graph_of(registry.SHIPPED, shipped), other, f"# {OTHER}, of a run of faults\n")


def versions() -> tuple[str, str]:
    return registry.current(registry.SHIPPED), OTHER
