"""A deployment that is killed, wherever: the next one finds it, tells it, and ends well."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.ops.conftest import MakeDeployer
from tests.ops.deployer import Deployer, watch

pytestmark = pytest.mark.e2e
NIGHT = pytest.mark.fresh  # each kill takes half a minute

# What stands in for a target's command: it ends the deployment while the ledger is in a phase, and
# itself, which is in a session of its own.
END = """\
end() {
  while [ ! -s "$0.pid" ]; do sleep 0.05; done
  kill -s KILL -- "-$(cat "$0.pid")"
  kill -KILL 0
}
"""
KILLERS = {
    "docker": """\
#!/bin/sh
newest=$(ls "{documents}"/entry-* | tail -n 1)
grep -q '"phase": "{phase}"' "$newest" && end
exec {program} "$@"
""",
    # The ledger is in the cluster: what is written there comes by here.
    "kubectl": """\
#!/bin/sh
[ ! -e "$0.reached" ] || end
case "$*" in
  *--filename=-*) written=$(cat) ;;
  *) exec {program} "$@" ;;
esac
printf %s "$written" | {program} "$@" || exit
case "$written" in
  *'"phase\\": \\"{phase}\\"'*) touch "$0.reached" ;;
esac
""",
}
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
CHANGES = ["starting", "promoting", "finishing", "going back"]
"""The phases in which a target changes something."""


def killed(deployer: Deployer, phase: str, version: str, folder: Path) -> None:
    """Deploy, and be killed in a phase."""
    name = {"compose": "docker", "kubernetes": "kubectl"}[deployer.target]
    documents = f"{deployer.tables[deployer.target].get('directory')}/documents"
    text = KILLERS[name].format(program=shutil.which(name), documents=documents, phase=phase)
    killer = folder / phase / name
    killer.parent.mkdir()
    killer.write_text(text.replace("\n", f"\n{END}", 1), encoding="utf-8")
    killer.chmod(0o755)
    path = f"{killer.parent}{os.pathsep}{deployer.project.environment['PATH']}"
    run = ("deploy", "--version", version)
    with deployer.started(*run, PATH=path) as running:
        killer.with_name(f"{name}.pid").write_text(str(running.process.pid), encoding="utf-8")
        done = running.ended()
        assert done.status == -9, f"it was not killed in {phase}: {done.out}"


@pytest.mark.parametrize(
    ("target", "lease", "phases"),
    [
        ("compose", 2, CHANGES),
        pytest.param("compose", 2, [it for it in STATES if it not in CHANGES], marks=NIGHT),
        pytest.param("kubernetes", 10, CHANGES, marks=NIGHT),
    ],
)
def test_whoever_is_killed_is_put_right(
    make_deployer: MakeDeployer, target: str, lease: int, phases: list[str], tmp_path: Path
) -> None:
    deployer = make_deployer(
        target, strategy="blue-green", replicas=1, lease=lease, watch=watch(2, 10)
    )
    deployer.must_deploy("1.0.0")
    with deployer.users() as users:
        for phase in phases:
            version, outcome = STATES[phase]
            killed(deployer, phase, version, tmp_path)
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
