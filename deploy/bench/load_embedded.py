"""Load until it breaks, on the embedded profile: the same steps through `opecom up`."""

from pathlib import Path

from deploy.bench.load import measured
from deploy.bench.run import Run
from deploy.bench.whole_stack import on_this_machine


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when a part ends or accepted events never come."""
    return await measured(on_this_machine, run, data, quick)
