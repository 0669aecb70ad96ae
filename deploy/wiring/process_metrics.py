"""What every part tells Prometheus of its process: its version, its CPU, memory, files and tasks, its folder's room."""

import asyncio
import math
import shutil
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector


def add_process_metrics(registry: CollectorRegistry, *parts: str, folder: Path | None = None) -> None:
    """Adds them; `parts` are those that share this process, `folder` is where it keeps databases, if it does."""
    ProcessCollector(registry=registry)
    build = Gauge(
        "opecom_build_info", "1; its labels say which part this is, of which version.", ["part", "version"],
        registry=registry,
    )  # fmt: skip
    for part in parts:
        build.labels(part, version("op-ecom")).set(1)
    Gauge("opecom_process_tasks", "Tasks of the event loop that are not done.", registry=registry).set_function(_tasks)
    if folder is not None:
        room = Gauge("opecom_data_folder_free_bytes", "Free bytes where the data folder is.", registry=registry)
        room.set_function(lambda: shutil.disk_usage(folder).free)


def _tasks() -> float:
    """Those of the loop that answers for the metrics; not a number outside of one."""
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:
        return math.nan
