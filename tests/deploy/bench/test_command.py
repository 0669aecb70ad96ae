"""A command run to its end: its own CPU and peak memory, and why there is no figure where it fails."""

import sys
from pathlib import Path

import pytest

from deploy.bench.command import to_its_end
from deploy.bench.errors import BenchError

BUSY = """
import time
held = bytearray(200_000_000)
until = time.process_time() + 0.5
while time.process_time() < until: pass
del held
print("done")
"""


async def test_cpu_and_the_most_memory_that_was_held_are_reported(tmp_path: Path) -> None:
    spent = await to_its_end("busy", tmp_path, (sys.executable, "-c", BUSY), {}, 60)
    assert 0.5 <= spent.cpu_seconds < 5
    assert 200 < spent.peak_mb < 400
    assert spent.output == "done\n"


@pytest.mark.parametrize(
    ("program", "seconds", "says"),
    [
        pytest.param("print('so'); raise SystemExit('no disk')", 60, "x ended with code 1: .*no disk", id="it fails"),
        pytest.param(
            "raise SystemExit('no figure\\ntoo few\\n\\nnothing was promoted')",
            60,
            "code 1: no figure / too few / nothing was promoted$",
            id="it says why before its last line",
        ),
        pytest.param("import time; time.sleep(60)", 0.2, "x took more than 0 s", id="it takes too long"),
    ],
)
async def test_a_command_that_does_not_end_well_gives_no_figure(
    tmp_path: Path, program: str, seconds: float, says: str
) -> None:
    with pytest.raises(BenchError, match=says):
        await to_its_end("x", tmp_path, (sys.executable, "-c", program), {}, seconds)
