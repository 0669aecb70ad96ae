"""What commands and parts load, looked at in processes of their own: a start costs what is imported for it.

They are forked from one that has loaded what all of them may load.
"""

import ast
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from deploy.cli.lazy import CommandSource, LazyGroup, ListedCommand
from deploy.cli.main import COMMANDS, app
from deploy.processes.interpreter import OPECOM
from tests.support.forked_programs import ForkedPrograms, forked_programs

#: Libraries that take a tenth of a second or more, and tens of megabytes.
HEAVY = frozenset(
    (
        *("aiohttp", "aiokafka", "chdb", "clickhouse_connect", "fastapi", "faust", "holidays", "httpx", "numpy"),
        *("onnxruntime", "pandas", "psutil", "pyarrow", "pydantic", "sqlalchemy", "starlette", "uvicorn"),
    )
)
SERVED = {"pydantic", "starlette", "uvicorn", "aiokafka"}
#: What each part needs, of the heavy ones.
PARTS = {
    "ingest": SERVED | {"fastapi", "httpx"},
    "worker": SERVED | {"aiohttp", "faust", "numpy", "onnxruntime"},
    "writer": SERVED | {"clickhouse_connect", "sqlalchemy"},
    "webhooks": SERVED | {"httpx", "numpy", "sqlalchemy"},
    "api": SERVED | {"clickhouse_connect", "fastapi", "numpy", "onnxruntime", "sqlalchemy"},
    "store": SERVED | {"clickhouse_connect", "fastapi", "numpy", "onnxruntime", "sqlalchemy"},
    "predict": SERVED - {"aiokafka"} | {"fastapi", "numpy", "onnxruntime"},
    "learner": SERVED - {"aiokafka"} | {"psutil"},
    "shop": SERVED - {"aiokafka"},
}
#: What each command needs before it does anything.
CALLED = {
    "asyncapi": {"pydantic"},
    "openapi": {"pydantic"},
    "audit": {"pydantic"},
    "bench": {"pydantic", "psutil"},
    "capacity": {"pydantic"},
    "chaos": {"pydantic"},
    "demo": {"pydantic"},
    "doctor": {"pydantic"},
    "experiments": {"pydantic", "aiokafka", "clickhouse_connect"},
    "interventions": {"pydantic", "aiokafka", "clickhouse_connect"},
    "drift": {"pydantic", "numpy"},
    "features": {"pydantic", "numpy"},
    "import": {"pydantic"},
    "keys": {"pydantic"},
    "learn": {"pydantic", "numpy"},
    "migrate": {"pydantic", "clickhouse_connect", "sqlalchemy"},
    "models": {"pydantic", "numpy", "onnxruntime"},
    "pages": {"pydantic", "aiokafka", "clickhouse_connect"},
    "query": {"pydantic", "numpy"},
    "replay": {"pydantic", "numpy"},
    "retention": {"pydantic"},
    "run": {"pydantic"},
    "score": {"pydantic", "numpy", "onnxruntime"},
    "services": {"pydantic", "psutil"},
    "settings": {"pydantic"},
    "simulate": {"pydantic"},
    "sites": {"pydantic"},
    "subscribe": {"pydantic", "aiokafka", "numpy"},
    "tag": {"pydantic"},
    "topics": {"pydantic", "aiokafka"},
    "train": {"pydantic", "numpy", "onnxruntime"},
    "up": {"pydantic", "aiokafka", "psutil"},
    "visitors": {"pydantic", "aiokafka", "clickhouse_connect", "sqlalchemy"},
    "webhooks": {"pydantic", "numpy", "sqlalchemy"},
}


@pytest.fixture(scope="module")
def parts() -> Iterator[ForkedPrograms]:
    """Processes that begin with what every part needs."""
    with forked_programs(f"import {', '.join(sorted(set.intersection(*PARTS.values())))}", HEAVY) as programs:
        yield programs


@pytest.fixture(scope="module")
def commands() -> Iterator[ForkedPrograms]:
    """Processes that begin with the list of commands, which needs none of the heavy libraries."""
    with forked_programs("from deploy.cli.main import app", HEAVY) as programs:
        assert programs.loaded("pass") == set()
        yield programs


@pytest.fixture(scope="module")
def commands_with_settings() -> Iterator[ForkedPrograms]:
    """Processes that begin with the list of commands and what every command needs: the settings, by pydantic."""
    with forked_programs("from deploy.cli.main import app\nimport deploy.settings.model", HEAVY) as programs:
        assert programs.loaded("pass") == set.intersection(*CALLED.values())
        yield programs


def after(programs: ForkedPrograms, *words: str) -> set[str]:
    """The heavy libraries that are loaded once the command has answered."""
    return programs.loaded(f"try: app({list(words)!r})\nexcept SystemExit: pass")


def test_the_list_of_commands_needs_no_library_of_any_command(commands: ForkedPrograms) -> None:
    assert after(commands, "--help") == set()
    # typer itself reports a wrong word by pydantic.
    assert after(commands, "no-such-command") - {"pydantic"} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_what_it_needs_and_no_other_command(commands_with_settings: ForkedPrograms, name: str) -> None:
    assert after(commands_with_settings, name, "--help") - CALLED[name] == set()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_loads_what_it_needs(parts: ForkedPrograms, part: str) -> None:
    assert parts.loaded(f"import deploy.wiring.{part}") - PARTS[part] == set()


def test_the_list_describes_each_command_as_the_command_does() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    listed = {name: command for name, command in group.commands.items() if isinstance(command, ListedCommand)}
    assert listed.keys() == COMMANDS.keys()
    for name, command in listed.items():
        own = command.load()
        assert own.name == name
        assert " ".join((own.help or "").split("\n\n")[0].split()) == COMMANDS[name].help


def test_a_group_in_the_list_has_its_own_commands_and_a_command_its_own_options() -> None:
    known = {"keys": CommandSource("deploy.cli.keys:app", ""), "tag": CommandSource("deploy.cli.tag:tag", "")}
    keys, tag = (ListedCommand(name, source).load() for name, source in known.items())
    assert set(keys.commands) >= {"add", "list", "revoke"}
    assert "site" in {parameter.name for parameter in tag.params}


def cpu_seconds(*words: str) -> float:
    """User and system time of a process to its end, with bytecode that is kept."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.long
def test_the_list_of_commands_costs_little_more_than_the_libraries_that_print_it() -> None:
    measured = {
        "opecom --help": (*OPECOM, "--help"),
        "import typer, rich": (sys.executable, "-c", "import typer, rich"),
    }
    costs: dict[str, list[float]] = {name: [] for name in measured}
    # The first round writes the bytecode, and does not count.
    for _ in range(8):
        for name, words in measured.items():
            costs[name].append(cpu_seconds(*words))
    ours, least = (statistics.median(each[1:]) for each in costs.values())
    print(f"opecom --help {ours:.2f} CPU-s, import typer, rich {least:.2f} CPU-s, ratio {ours / least:.2f}")
    assert ours / least <= 2.5


def test_a_command_solves_by_one_thread_of_openblas() -> None:
    script = (
        "import deploy.cli.main, numpy\n"
        "from threadpoolctl import threadpool_info\n"
        "print([each['num_threads'] for each in threadpool_info() if each['user_api'] == 'blas'])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=False)
    assert set(ast.literal_eval(done.stdout)) == {1}, done.stderr
