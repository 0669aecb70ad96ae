"""Where the built console is, and how its build is: of a source tree, web/console/build.py makes it."""

import fcntl
import html
from dataclasses import dataclass
from pathlib import Path

#: The sources, which only a source tree has.
SOURCES = Path(__file__).parents[2] / "web" / "console"
#: Where the pages are, in a source tree and in an installed wheel.
PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True, slots=True)
class BuildState:
    """`text` is for whoever sees the page: HTML."""

    is_running: bool
    text: str


def state(sources: Path = SOURCES) -> BuildState:
    """How the build is, where there are no pages."""
    if _is_held(sources / ".build.lock"):
        return BuildState(True, "The console is being built. This takes about a minute; the page comes by itself.")
    last = _last_line(sources / ".build.log")
    how = f"Its build failed: {html.escape(last)}. " if last else "It has not been built. "
    return BuildState(False, f"{how}<code>make console</code> builds it, and the stack need not be stopped.")


def _is_held(path: Path) -> bool:
    """Whether the builder has the lock, which dies with it."""
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:300]
