"""Runs a verifying program, which knows nothing of this one, over what a simulation left in the databases."""

import subprocess
from pathlib import Path

from sqlalchemy import Engine

from deploy.processes.interpreter import of_module
from deploy.simulate.run import Simulation


def check(program: str, engine: Engine, simulation: Simulation, file: Path, *more: str, key: str = "") -> int:
    """Compare the simulation's rows with the `file` that they came from; the program's exit code.

    `more` are options that this program takes; `key`, where it reads the query API, is of scope read.
    """
    command = [*of_module(f"deploy.simulate.verify.{program}"), "--database", "-"]
    command += ["--site", simulation.site, "--data", str(file), "--sessions", str(simulation.sessions), *more]
    # By standard input, as both are secrets: the URL may hold a password.
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.run(command, input=f"{url}\n{key}\n", text=True, check=False).returncode  # noqa: S603 - our own program
