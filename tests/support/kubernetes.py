"""deploy/kubernetes as data: as it stands, and as Kustomize renders it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
BASE = FOLDER / "base"

Object = dict[str, Any]


def base() -> list[Object]:
    """Every object of the base."""
    files = [BASE / name for name in kustomization(BASE)["resources"]]
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def kustomization(folder: Path) -> Object:
    return dict(yaml.safe_load((folder / "kustomization.yaml").read_text()))


def settings(folder: Path) -> dict[str, str]:
    """The variables of settings.env."""
    lines = (folder / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def renderer() -> list[str] | None:
    """The command that renders a folder, None where this machine has none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def rendered(command: list[str], folder: Path) -> list[Object]:
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def name(of: Object) -> str:
    return str(of["metadata"]["name"])


def pod(of: Object) -> Object:
    """The pod's specification in a Deployment, Job or CronJob."""
    return dict(template(of)["spec"])


def template(of: Object) -> Object:
    """The pod's template in a Deployment, Job or CronJob."""
    spec = of["spec"]["jobTemplate"]["spec"] if of["kind"] == "CronJob" else of["spec"]
    return dict(spec["template"])


def containers(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Every container with the object that it belongs to, those that come first included."""
    for each in of_kind(objects, "Deployment", "Job", "CronJob"):
        for container in [*pod(each).get("initContainers", []), *pod(each)["containers"]]:
            yield each, container


def probe_paths() -> set[str]:
    """Every path that a probe asks for."""
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    return {each[probe]["httpGet"]["path"] for _, each in containers(base()) for probe in probes if probe in each}
