"""The image is built of what the project has, by locked requirements, and holds no more than it needs."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deploy.console.build import PAGES

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "images" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its argument, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def last_stage() -> dict[str, str]:
    """The instructions of the image that is kept, by name."""
    stages = [number for number, (name, _) in enumerate(instructions()) if name == "FROM"]
    return dict(instructions()[stages[-1] :])


def copied() -> list[str]:
    """What is taken from the project."""
    copies = [shlex.split(argument) for name, argument in instructions() if name == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def test_the_console_is_built_in_a_stage_of_its_own() -> None:
    lines = [f"{name} {argument}" for name, argument in instructions()]
    begin = lines.index("FROM node:24-bookworm-slim AS console")
    stage = lines[begin : next(n for n, line in enumerate(lines) if n > begin and line.startswith("FROM "))]
    assert [line for line in stage if line.startswith("RUN ")] == [
        "RUN npm ci --no-audit --no-fund",
        "RUN npm run build",
    ]
    # What the wheel takes, as `make console` leaves it.
    assert "COPY --from=console /src/out deploy/console/pages" in lines
    assert PAGES.relative_to(ROOT).as_posix() in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["artifacts"]


def ignored(path: str) -> bool:
    """Whether .dockerignore leaves a file out; the last line that matches it decides."""
    left_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        within = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = within + list(parts) if "**/" in line else within
        if line and not line.startswith("#") and any(fnmatch(each, pattern) for each in names):
            left_out = not line.startswith("!")
    return left_out


def test_the_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    command = [hadolint, "--no-color", "--failure-threshold", "style", str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_base_is_pinned_and_new_enough() -> None:
    bases = {argument.split()[0].partition("@")[0] for name, argument in instructions() if name == "FROM"}
    (base,) = bases - {"node:24-bookworm-slim"}
    found = re.fullmatch(r"python:(\d+\.\d+)-slim-[a-z]+", base)
    assert found
    assert PROJECT["project"]["requires-python"] == f">={found[1]}"


def image_references() -> dict[str, list[str]]:
    """Every image that a file of ours names, by file."""
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy" / "kubernetes").rglob("*.yaml")]
    found = {str(each): re.findall(r"^\s*(?:- )?image: (\S+)$", each.read_text(), re.MULTILINE) for each in files}
    stages = {argument.split()[-1] for name, argument in instructions() if name == "FROM" and " AS " in argument}
    bases = {argument.split()[0] for name, argument in instructions() if name == "FROM"}
    return {file: images for file, images in found.items() if images} | {str(DOCKERFILE): sorted(bases - stages)}


def test_no_image_floats() -> None:
    """Each has a version; a digest beside it is welcome (docs/operations.md, "Images by digest")."""
    found = image_references()
    assert {"docker-compose.yml", "ingest.yaml", "learner.yaml", "Dockerfile"} <= {Path(file).name for file in found}
    for file, images in found.items():
        for image in images:
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]*(@sha256:[0-9a-f]{64})?", image), f"{file}: {image}"


def test_the_image_is_not_roots_and_runs_our_command() -> None:
    stage = last_stage()
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage["USER"])
    assert stage["ENTRYPOINT"] == '["opecom"]'
    assert "opecom" in PROJECT["project"]["scripts"]
    assert "RUN" not in stage
    assert "ORT_DISABLE_TELEMETRY=1" in stage["ENV"].split()
    assert stage["COPY"].startswith("--from=build ")


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_exists_and_reaches_the_build(source: str) -> None:
    path = ROOT / source
    assert path.exists()
    listed = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [file for line in listed.splitlines() if path in ((file := ROOT / line), file.parent)]
    assert files
    assert not any(ignored(file.relative_to(ROOT).as_posix()) for file in files)


def test_the_whole_program_is_copied() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= set(copied())
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"} <= set(copied())


@pytest.mark.parametrize(
    "path", [".env", "opecom.env", "opecom.toml", ".git/config", ".opecom/import.key", "tests/a.py"]
)
def test_secrets_and_data_do_not_reach_the_build(path: str) -> None:
    assert ignored(path)


def test_only_locked_wheels_are_installed() -> None:
    (made,) = [argument for name, argument in instructions() if name == "RUN" and "requirements/" in argument]
    for command in re.findall(r"pip install ([^&]+)", made):
        assert {"--require-hashes", "--only-binary"} <= set(shlex.split(command))
    installed = (ROOT / "requirements" / "services.txt").read_text()
    assert re.search(r"^pymysql==", installed, re.MULTILINE)
    assert not re.search(r"^(chdb|calfkit|scikit-learn)", installed, re.MULTILINE)
