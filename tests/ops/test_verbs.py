"""What a person types and how it ends, whatever their terminal is like."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.needed import need_program

ROOT = Path(__file__).parents[2]


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "template"), str(ROOT)])
    return subprocess.run(
        ["sh", "-c", script.replace("python", sys.executable)],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_word_that_the_terminal_lacks_stops_nothing() -> None:
    say = "from ops.verbs import answering\nwith answering(): print('\u0141ukasz')"
    done = shell('python -c "$SAY"', SAY=say, PYTHONIOENCODING="latin-1", PYTHONUTF8="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u0141ukasz\n", "")


def test_who_reads_may_have_seen_enough() -> None:
    say = "from ops.verbs import answering\nwith answering():\n  while True: print(1, flush=True)"
    done = shell('python -c "$SAY" | head -n 2', SAY=say)
    assert (done.stdout, done.stderr) == ("1\n1\n", "")


def test_who_reads_may_leave_before_it_is_all_written() -> None:
    say = "from ops.verbs import answering\nwith answering(): print('1')"
    done = shell('{ sleep 1; python -c "$SAY"; echo $? >&2; } | true', SAY=say)
    assert done.stderr == "0\n"


def inv(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type a task in a folder of a project."""
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("deploy staging --hlep", "there is no option --hlep (see `inv --help deploy`)"),
        ("rollback --hlep", "there is no option --hlep (see `inv --help rollback`)"),
        (
            "deploy staging",
            (
                "'deploy' did not receive required positional arguments: 'version' "
                "(see `inv --help deploy`)"
            ),
        ),
        ("nothing", "No idea what 'nothing' is! (see `inv --list`)"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(render: Render, words: str, told: str) -> None:
    done = inv(render(deploy="[compose]"), *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{told}\n")


@pytest.mark.parametrize("words", ["deploy --help", "deploy staging -h", "--help deploy"])
def test_help_is_got_as_people_type_it(render: Render, words: str) -> None:
    done = inv(render(deploy="[compose]"), *words.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "check everything, print what would change and run" in done.stdout


@pytest.mark.parametrize(
    ("words", "run"),
    [
        ("logs --follow", "--tail=100 --follow"),
        ("logs", "--tail=100"),
        ("logs --lines 5 local", "--tail=5"),
    ],
)
def test_logs_are_those_of_what_is_up_here(
    render: Render, tmp_path: Path, words: str, run: str
) -> None:
    (tmp_path / "docker").write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    (tmp_path / "docker").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = inv(render(deploy="[compose]"), *words.split(), PATH=path)
    assert (done.returncode, done.stdout) == (0, f"compose logs {run}\n")


def test_in_another_folder_one_sentence_says_where_to_go(render: Render) -> None:
    done = inv(render(deploy="[compose]") / "src", "status", "staging")
    assert done.returncode == 2
    assert done.stderr.endswith("there is no such file: run this in the project's own folder\n")


@pytest.mark.parametrize("verb", ["status", "history", "rollback", "deploy"])
def test_a_cluster_that_nobody_knows_is_told_by_its_key(
    render: Render, tmp_path: Path, verb: str
) -> None:
    need_program("kubectl")
    version = ["1.0.0"] if verb == "deploy" else []
    project = render(deploy="[kubernetes]")
    done = inv(project, verb, "staging", *version, KUBECONFIG=str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (
        2,
        (
            "deploy/environments.toml: staging.kubernetes.context: "
            "the kubeconfig has no context 'staging', but none\n"
        ),
    )


def test_an_engine_that_is_not_there_is_told_by_its_key(render: Render, tmp_path: Path) -> None:
    need_program("docker")
    shutil.copytree(render(deploy="[compose]"), tmp_path / "project")
    environments = tmp_path / "project/deploy/environments.toml"
    environments.write_text('[staging]\ntarget = "compose"\n', encoding="utf-8")
    none = f"unix://{tmp_path}/none"
    done = inv(tmp_path / "project", "status", "staging", DOCKER_HOST=none, HOME=str(tmp_path))
    assert done.returncode == 2
    where = (
        "deploy/environments.toml: staging.compose.host: no Docker engine answers on this machine"
    )
    assert done.stderr.startswith(where)
