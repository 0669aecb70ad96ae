"""A part may open as many files as the machine allows it, so that slow clients do not use up a limit of 1,024."""

import resource
import subprocess
import sys

from deploy.processes.open_files import MOST_CONNECTIONS

PROGRAM = """
import resource
from deploy.processes.open_files import most_connections, raise_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
before = most_connections()
print(before, raise_file_limit(), most_connections())
"""


def test_the_limit_is_raised_to_what_the_machine_allows() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, files, connections = (int(each) for each in done.stdout.split())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    useful = MOST_CONNECTIONS * 4 // 3 + 1
    assert before == 768
    assert files == (useful if hard == resource.RLIM_INFINITY else min(hard, useful))
    assert connections == min(MOST_CONNECTIONS, files * 3 // 4)
