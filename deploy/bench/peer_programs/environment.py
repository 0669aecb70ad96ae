"""`.venv-peers`: where the libraries of the peers are installed, as they cannot live with ours."""

import subprocess
from pathlib import Path

from deploy.bench.errors import BenchError

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
LIBRARIES = {"quixstreams": "Quix Streams", "confluent_kafka": "confluent-kafka", "granian": "Granian"}
_VERSIONS = (
    "from importlib.metadata import version\n"
    f"for each in {tuple(LIBRARIES)}: __import__(each); print(each, version(each.replace('_', '-')))"
)


def of_peer(module: str) -> tuple[str, ...]:
    """The command that runs a module of ours by the Python of the peers, to which its arguments are added."""
    return (str(PYTHON), "-P", "-m", module)


def variables() -> dict[str, str]:
    """What makes that Python find our packages, and Granian load its application by name."""
    return {"PYTHONPATH": str(ROOT)}


def installed() -> tuple[tuple[str, str], ...]:
    """The peers' libraries and their versions; raises BenchError, which names the command that installs them."""
    remedy = "run `make peers`, which installs them into .venv-peers"
    if not PYTHON.is_file():
        raise BenchError(f"bench peers needs {', '.join(LIBRARIES.values())}: {remedy}")
    checked = subprocess.run(  # noqa: S603 - the command is ours
        [str(PYTHON), "-W", "ignore", "-c", _VERSIONS], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        last = (checked.stderr.strip().splitlines() or ["no word"])[-1]
        raise BenchError(f"a library of bench peers is missing ({last[:200]}): {remedy}")
    return tuple((name, number) for name, _, number in (line.partition(" ") for line in checked.stdout.splitlines()))
