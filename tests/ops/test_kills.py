"""A deployment that is killed, wherever: the next one finds it, tells it, and ends well."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.ops.conftest import MakeDeployer
from tests.ops.deployer import Deployer

pytestmark = pytest.mark.e2e

# What stands in for the engine's command: it ends whoever calls it while the ledger is in a phase.
KILLER = """\
#!/bin/sh
newest=$(ls "$LEDGER"/entry-* | tail -n 1)
grep -q "\\"phase\\": \\"$KILL_IN\\"" "$newest" && kill -KILL 0
exec {docker} "$@"
"""
STATES = {
    "checking": ("2.0.0", "refused"),
    "starting": ("2.0.0", "failed"),
    "waiting until ready": ("2.0.0", "failed"),
    "trying": ("2.0.0", "failed"),
    "promoting": ("2.0.0", "failed"),
    "watching": ("2.0.0", "failed"),
    "finishing": ("2.0.0", "deployed"),
    "going back": ("errors", "failed"),
    "waiting until restored": ("errors", "failed"),
}
"""The phases, each with a release that comes by, and how the interrupted deployment ends."""


def killed(deployer: Deployer, phase: str, version: str, folder: Path) -> None:
    """Deploy, and be killed in a phase."""
    folder.mkdir(exist_ok=True)
    killer = folder / "docker"
    killer.write_text(KILLER.format(docker=shutil.which("docker")), encoding="utf-8")
    killer.chmod(0o755)
    path = f"{folder}{os.pathsep}{deployer.project.environment['PATH']}"
    ledger = f"{deployer.tables['compose']['directory']}/documents"
    run = ("deploy", "--version", version)
    with deployer.started(*run, PATH=path, LEDGER=ledger, KILL_IN=phase) as running:
        done = running.ended()
        assert done.status == -9, f"it was not killed in {phase}: {done.out}"


def test_whoever_is_killed_is_put_right(make_deployer: MakeDeployer, tmp_path: Path) -> None:
    deployer = make_deployer(
        strategy="blue-green", replicas=1, lease=2, watch={"seconds": 2, "requests": 10}
    )
    deployer.must_deploy("1.0.0")
    with deployer.users() as users:
        for phase, (version, outcome) in STATES.items():
            killed(deployer, phase, version, tmp_path / "bin")
            assert f"under way  {version}: {phase}" in deployer.must("status")
            while (done := deployer.inv("rollback", "--to", "1.0.0")).status == 3:
                assert "locked: Ada (deploy " in done.out
                time.sleep(0.5)
            assert "is gone: its lock has expired, and is taken over" in done.out
            assert f"{version} was interrupted while {phase} (by Ada from " in done.out
            entries = deployer.outcomes()
            assert entries[-2 if outcome == "deployed" else -1][1:] == (version, outcome)
            assert deployer.served() == "1.0.0"
            assert not users.lost, phase
