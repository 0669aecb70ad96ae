"""The CPU of a part is that of its processes, and a part that ended gives none."""

import sys
from pathlib import Path

import pytest

from deploy.bench.errors import BenchError
from deploy.bench.part import Part

BUSY = """
import subprocess, sys, time
def burn(seconds):
    while time.process_time() < seconds: pass
if len(sys.argv) > 1:
    burn(0.4); print("burnt", flush=True)
    time.sleep(60)
    sys.exit()
burn(0.2)
child = subprocess.Popen([sys.executable, __file__, "child"])
print("started", flush=True)
child.wait()
"""


async def test_the_cpu_of_children_counts(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    async with Part("busy", tmp_path, (sys.executable, str(tmp_path / "busy.py")), {}) as part:
        await part.until(lambda: part.has_logged("burnt"), "done", 20)
        await part.until_idle()
        assert 0.5 <= part.cpu() < 3


async def test_a_part_that_ends_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    # Not before it counts as started, which is another error.
    lines = "import time; time.sleep(1); print('no ERROR but this')"
    async with Part("dying", tmp_path, (sys.executable, "-c", lines), {}) as part:
        with pytest.raises(BenchError, match="dying ended: no ERROR but this"):
            await part.until(lambda: False, "ready", 20)
