"""Where a benchmark was taken: the machine, how busy it was, and the versions of what was measured."""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

#: What the figures depend on, by the name that people know it by.
PACKAGES = {
    "op-ecom": "op-ecom",
    "faust": "faust-streaming",
    "aiokafka": "aiokafka",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
    "msgspec": "msgspec",
    "uvicorn": "uvicorn",
    "chdb": "chdb",
}


def machine() -> dict[str, Any]:
    """Cores, model and system, and the load average of the last minute when the benchmark began."""
    return {
        "cores": os.cpu_count() or 1,
        "cpu": _cpu_name(Path("/proc/cpuinfo")),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def versions(of_services: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Versions of Python, of the packages that are installed, and of the services that were used."""
    found = {"python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found | dict(of_services)


def _cpu_name(file: Path) -> str:
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", file.read_text(), re.MULTILINE)
    except OSError:
        named = None
    return named[1].strip() if named else platform.processor() or platform.machine()
