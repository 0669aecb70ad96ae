"""A model learned from the running system, and the same one when it has stopped."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.processes.probes import is_ready
from scoring import registry
from tests.support.stack import Stack, new_stack, up, word_after

SESSIONS = 400

pytestmark = pytest.mark.skipif(find_spec("lightgbm") is None, reason="the extra `learn` is not installed")


def learned(stack: Stack, out: Path, options: Sequence[str]) -> tuple[str, bytes]:
    """The version, and the bytes of the graph."""
    registry.seed(out)
    done = stack.opecom("learn", *options, "--out", str(out), "--report", str(out / "report.html"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    version = json.loads(done.stdout.splitlines()[-1])["version"]
    return version, registry.graph_of(out, version)


def test_a_running_and_a_stopped_system_teach_the_same_model(tmp_path: Path) -> None:
    with up(new_stack(tmp_path)) as stack:
        sent = ("--sessions", str(SESSIONS), "--seed", "7", "--days", "3", "--conversion", "0.12")
        done = stack.opecom("simulate", "shop", *sent, "--json", seconds=240)
        assert done.returncode == 0, done.stdout + done.stderr
        # A run of imported history, alone.
        site = word_after("on the site", done.stdout)
        assert "~" in site
        options = ["--site", site, "--days", "3650", "--until", "2026-10-01", "--cost-limit", "1000"]
        running = learned(stack, tmp_path / "running", options)
        whole = learned(stack, tmp_path / "whole", [*options, "--site", site.partition("~")[0], "--imports"])
        assert is_ready(stack.api)
    assert learned(stack, tmp_path / "stopped", options) == running
    manifest = registry.manifest(tmp_path / "running", running[0])
    # Of the site's visitors, whichever run they came in.
    assert manifest.training_shop is not None
    assert manifest.training_shop.site == "generated"
    assert manifest.data_sha256 == registry.manifest(tmp_path / "whole", whole[0]).data_sha256
