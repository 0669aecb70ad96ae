"""Small programs, each in a process forked from a clean interpreter that has run some lines before, and what they load.

The tests' own process has loaded everything, and a fresh interpreter for each program costs its imports again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Set
from contextlib import contextmanager

#: What the interpreter does: a child for each program that it is given, until its input ends.
_SERVER = """
import json, os, sys, traceback
heavy = set(json.loads(sys.argv[1]))
exec(sys.argv[2])
for line in sys.stdin:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code, answer = 1, {}
        try:
            os.close(reading)
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1):
                os.dup2(nothing, number)
            exec(json.loads(line))
            answer = {"loaded": sorted(heavy & set(sys.modules))}
            code = 0
        except BaseException:
            answer = {"failed": traceback.format_exc()}
        finally:
            with os.fdopen(writing, "w") as file:
                json.dump(answer, file)
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.waitpid(child, 0)
    print(said, flush=True)
"""


class ForkedPrograms:
    def __init__(self, server: "subprocess.Popen[str]") -> None:
        self._server = server

    def loaded(self, program: str) -> set[str]:
        """The heavy libraries that are loaded after these lines, and after those of the interpreter."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(program) + "\n")
        self._server.stdin.flush()
        said = self._server.stdout.readline()
        assert said, f"the interpreter ended with {self._server.wait()}"
        answer = json.loads(said)
        assert "loaded" in answer, answer.get("failed")
        return set(answer["loaded"])


@contextmanager
def forked_programs(before: str, heavy: Set[str]) -> Iterator[ForkedPrograms]:
    """An interpreter that has run the lines `before`, and says which of the libraries `heavy` a program has loaded."""
    command = [sys.executable, "-c", _SERVER, json.dumps(sorted(heavy)), before]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=dict(os.environ), **pipes) as server:
        yield ForkedPrograms(server)
        assert server.stdin is not None
        server.stdin.close()
