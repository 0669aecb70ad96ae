"""The root of the repository holds what README.md explains, and nothing that a slip left there."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FOLDERS = {
    ".ci",
    "deploy",
    "docs",
    "ingest",
    "integrations",
    "requirements",
    "scoring",
    "storage",
    "stream",
    "tests",
    "web",
}
FILES = {
    ".dockerignore",
    ".env.example",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "docker-compose.yml",
    "pyproject.toml",
}


def test_the_root_holds_only_known_names() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    assert {file.parts[0] for file in files if len(file.parts) > 1} == FOLDERS
    assert {file.name for file in files if len(file.parts) == 1} == FILES
