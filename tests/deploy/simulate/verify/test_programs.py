"""The verifying programs share nothing with what they check."""

import subprocess
import sys

import pytest

LOADED = """
import sys
import deploy.simulate.verify.{0}
print(*(name for name in sys.modules if name.split(".")[0] in ("deploy", "ingest", "scoring", "storage", "stream")))
"""


@pytest.mark.parametrize("program", ["uci", "clicks"])
def test_a_program_loads_nothing_else_of_ours(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(program)], capture_output=True, text=True, timeout=60, check=True
    )
    # The packages around it are docstrings.
    others = {name for name in done.stdout.split() if not name.startswith("deploy.simulate.verify")}
    assert others == {"deploy", "deploy.simulate"}
