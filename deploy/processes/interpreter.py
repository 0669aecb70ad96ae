"""How programs of this project are started by another of its processes: in any folder, our own packages are found."""

import sys


def of_module(name: str) -> tuple[str, ...]:
    """The command that runs a module, to which its arguments are added.

    `-P` keeps the current folder off the path: a `storage.py` there would be imported in place of ours.
    """
    return (sys.executable, "-P", "-m", name)


#: `opecom`, wherever its script is installed.
OPECOM = of_module("deploy")
