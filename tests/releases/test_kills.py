"""Killed at any point, a release is either not there or completed by the next run."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.releases.releaser import Releaser

type Arm = Callable[[Releaser, Path], dict[str, str]]
"""Prepares a kill, and returns the environment variables that it needs."""


def git(words: str, when: str) -> Arm:
    """Kill before or after the git command that begins like this, in whatever repository."""

    def arm(releaser: Releaser, folder: Path) -> dict[str, str]:
        real = shlex.quote(str(shutil.which("git", path=releaser.project.environment["PATH"])))
        kill = f'case " $* " in *{shlex.quote(f" {words} ")}*) kill -KILL 0;; esac'
        steps = [kill, f'{real} "$@"'] if when == "before" else [f'{real} "$@" && {{ {kill}; }}']
        folder.mkdir()
        (folder / "git").write_text("\n".join(["#!/bin/sh", *steps]) + "\n")
        (folder / "git").chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{releaser.project.environment['PATH']}"}

    return arm


def api(method: str, path: str, when: str) -> Arm:
    """Kill before or after the code host does what it is asked."""

    def arm(releaser: Releaser, folder: Path) -> dict[str, str]:  # noqa: ARG001  # as of `git`
        releaser.host.on(method, path, kill, after=when == "after")
        return {}

    return arm


def kill() -> None:
    """Kill the run that is to be killed, if it is not yet, and wait until it is gone."""
    if DOOMED:
        run = DOOMED.pop()
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


DOOMED: list[subprocess.Popen[str]] = []

DRAFT, FILE, SHOWN = r"/releases$", r"/assets", r"/releases/\d+$"
POINTS = {
    "before the commit": (git("commit --quiet", "before"), False),
    "after the commit": (git("commit --quiet", "after"), False),
    "after the tag": (git("tag --annotate", "after"), False),
    "before the push": (git("push --atomic", "before"), False),
    "after the push": (git("push --atomic", "after"), True),
    "before the clone follows": (git("merge --ff-only", "before"), True),
    "before the draft": (api("POST", DRAFT, "before"), True),
    "after the draft": (api("POST", DRAFT, "after"), True),
    "before a file": (api("POST", FILE, "before"), True),
    "after a file": (api("POST", FILE, "after"), True),
    "before it is shown": (api("PATCH", SHOWN, "before"), True),
    "after it is shown": (api("PATCH", SHOWN, "after"), True),
}


@pytest.mark.parametrize(("arm", "pushed"), POINTS.values(), ids=POINTS.keys())
def test_a_release_that_was_killed_is_completed_by_the_next_run(
    releaser: Releaser, tmp_path: Path, arm: Arm, pushed: bool
) -> None:
    releaser.published("0.1.0")
    before = releaser.git("rev-parse", "HEAD")
    variables = arm(releaser, tmp_path / "armed")
    run = releaser.start(**variables)
    DOOMED.append(run)
    out, _ = run.communicate(timeout=120)
    DOOMED.clear()
    assert run.returncode == -signal.SIGKILL, out

    assert releaser.tags() == (["v0.1.0"] if pushed else [])
    assert releaser.git("status", "--porcelain") == ""
    if pushed:
        assert releaser.there("rev-parse", "v0.1.0^{commit}") == releaser.there("rev-parse", "main")
        assert releaser.there("rev-parse", "main^") == before
    else:  # nothing is to be seen of it, here or there
        assert releaser.git("rev-parse", "HEAD") == before
        assert releaser.git("tag") == ""
        assert releaser.there("rev-parse", "main") == before

    releaser.must_publish()
    assert releaser.tags() == ["v0.1.0"]
    assert releaser.there("log", "--format=%s", "main").splitlines() == [
        "chore(release): 0.1.0",
        "feat: start from Slipway",
    ]
    assert releaser.git("rev-parse", "HEAD") == releaser.there("rev-parse", "main")
    [release] = releaser.host.releases
    assert (release.tag, release.draft) == ("v0.1.0", False)
    assert [(asset.name, asset.state) for asset in release.assets] == [
        ("requirements.txt", "uploaded"),
        ("compose.yaml", "uploaded"),
        ("sbom-linux-amd64.cdx.json", "uploaded"),
        ("sbom-linux-amd64.spdx.json", "uploaded"),
    ]
    assert releaser.host.tags_made_up == []


def test_what_was_pushed_and_not_told_is_completed_after_more_was_pushed(
    releaser: Releaser, tmp_path: Path
) -> None:
    variables = git("push --atomic", "after")(releaser, tmp_path / "armed")
    run = releaser.start(**variables)
    run.communicate(timeout=120)
    assert run.returncode == -signal.SIGKILL
    releaser.project.must("git", "pull", "--quiet")
    releaser.commit("fix: what came later")

    out = releaser.must_publish()
    assert releaser.tags() == ["v0.1.0", "v0.1.1"]
    assert sorted((it.tag, it.draft) for it in releaser.host.releases) == [
        ("v0.1.0", True),
        ("v0.1.1", True),
    ]
    assert "git checkout v0.1.0" in out


def test_ctrl_c_ends_with_a_sentence(releaser: Releaser) -> None:
    run = subprocess.Popen(
        ["env", "--default-signal=INT", *releaser.command("--publish")],
        cwd=releaser.project.path,
        env={**releaser.project.environment, **releaser.online},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    releaser.host.on("GET", "/releases", lambda: os.killpg(run.pid, signal.SIGINT))
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert out.endswith("release: interrupted; run it again to complete it\n"), out
    assert "Traceback" not in out
    assert releaser.tags() == []
