"""`make secrets` finds a secret that a slip leaves in a file, and lets through what its baseline has."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: In pieces, as this file is looked through, too.
PLANTED = {
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a key of a cloud": "aws_access_key_id = " + '"AKIA' + 'Z7Q4MNTX2LPV6RSW"',
    "a password in a setting": "clickhouse_password" + ' = "kx9Wm2qvT4nB"',
    "a password in a URL": "mariadb+pymysql://opecom" + ":kx9Wm2qvT4nB@db/opecom",
    "a random text": "digest_of = " + '"9f8c1e0b7a6d5c4f' + '3e2d1b0a99887766"',
}


def command() -> list[str]:
    """What the Makefile runs, without the files."""
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if "detect-secrets-hook" in line]
    words = shlex.split(line.partition("$$(")[0].replace("$(BIN)/", f"{Path(sys.executable).parent}/"))
    assert Path(words[0]).is_file()
    return words


def scan(file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Look through one file as `make secrets` does, in a folder with the project's baseline."""
    (folder / ".ci").mkdir()
    shutil.copyfile(ROOT / ".ci/secrets.baseline", folder / ".ci/secrets.baseline")
    # It asks git whether the baseline is staged.
    for words in (["init", "--quiet"], ["add", ".ci"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return subprocess.run([*command(), file], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found(what: str, tmp_path: Path) -> None:
    (tmp_path / "slip.py").write_text(f"# A comment.\n{PLANTED[what]}\n")
    done = scan("slip.py", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Location:    slip.py:2" in done.stdout


@pytest.mark.parametrize("name", ["docs/operations.md", "scoring/training/download.py", "tests/test_secrets.py"])
def test_what_was_looked_at_passes(name: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    copy.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / name, copy)
    done = scan(name, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_secret_in_a_file_of_the_baseline_is_found_too(tmp_path: Path) -> None:
    name = "scoring/training/download.py"
    copy = tmp_path / name
    copy.parent.mkdir(parents=True)
    copy.write_text((ROOT / name).read_text() + PLANTED["a password in a setting"] + "\n")
    done = scan(name, tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("Location:") == 1, done.stdout
