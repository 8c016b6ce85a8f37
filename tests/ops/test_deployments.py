"""Deployments as people run them: with the tasks, on targets that are really there."""

import fcntl
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase
from tests.images.containers import docker
from tests.ops.apiserver import api_server
from tests.ops.conftest import MakeDeployer
from tests.ops.deployer import Deployer, watch
from tests.project import without
from tests.trivy import Vulnerability

pytestmark = pytest.mark.e2e
# By day, what a cluster does is proved without the verbs, in test_kubernetes.py.
on_each_target = pytest.mark.parametrize(
    "target", ["compose", pytest.param("kubernetes", marks=pytest.mark.fresh)]
)


@on_each_target
def test_no_request_is_lost_whatever_the_strategy_and_the_outcome(
    make_deployer: MakeDeployer, target: str
) -> None:
    deployer = make_deployer(target)
    deployer.must_deploy("1.0.0")
    versions = {"rolling": "2.0.0", "blue-green": "1.0.0", "canary": "2.0.0"}
    with deployer.users() as users:
        for strategy, version in versions.items():
            deployer.write(strategy=strategy)
            deployer.must_deploy(version)
            failed = deployer.deploy("errors")
            assert failed.status == 1, failed.out
            assert "errors failed on " in failed.out
            assert f", and {version} serves: GET /v1/notes: status 500" in failed.out
            assert deployer.served() == version
            assert not users.lost, strategy
        deployer.must("rollback")
        assert deployer.served() == "1.0.0"
        assert not users.lost
    deployed = [("deploy", version, "deployed") for version in versions.values()]
    failed_each = ("deploy", "errors", "failed")
    assert deployer.outcomes() == [
        ("deploy", "1.0.0", "deployed"),
        *(entry for each in deployed for entry in (each, failed_each)),
        ("rollback", "1.0.0", "deployed"),
    ]


BAD = {
    "crashes": "this release crashes at its start",
    "unready": "not ready within 20 s: .*HTTP Error 503.*; its last words: "
    "|Readiness probe failed: .*503",
    "leaks": "failed",
    "dies": "this release dies of its fault",
}
"""What is wrong with a release, and what is told of it."""


@on_each_target
def test_a_bad_release_is_undone_and_the_reason_is_named(
    make_deployer: MakeDeployer, target: str
) -> None:
    deployer = make_deployer(
        target,
        strategy="canary",
        canary=[50],
        deadline=20,
        watch=watch(10, 100),
    )
    deployer.must_deploy("1.0.0")
    for version, reason in BAD.items():
        done = deployer.deploy(version)
        assert done.status == 1, done.out
        assert f"{version} failed on {deployer.name}, and 1.0.0 serves: " in done.out
        assert re.search(reason, done.out.splitlines()[-1]), done.out
        assert deployer.served() == "1.0.0"
    assert re.search(
        r"2\.\d+% failed, 1\.00% may: \d+ requests, ", deployer.history()[3]["state"]["reason"]
    )


@pytest.mark.fresh
def test_a_release_is_held_promoted_and_aborted_by_people(make_deployer: MakeDeployer) -> None:
    deployer = make_deployer(strategy="canary", canary=[50], replicas=1)
    name = deployer.name
    deployer.must_deploy("1.0.0")
    with deployer.users() as users:
        out = deployer.must("deploy", "--version", "2.0.0", "--hold")
        then = f"`inv promote {name}` or `inv abort {name}`"
        assert f"2.0.0 is held at 0 % of the traffic of {name}: {then}" in out
        assert deployer.served() == "1.0.0"
        assert "under way  2.0.0: held, at 0 % of the traffic" in deployer.must("status")
        rehearsal = ["deploy", "--version", "1.0.0", "--dry-run"]
        for other in (["deploy", "--version", "1.0.0"], ["rollback"], rehearsal):
            done = deployer.inv(*other)
            assert done.status == 2
            assert f"2.0.0 is held at 0 % of the traffic by Ada: {then} first" in done.out
        assert "2.0.0 is held at 50 % of the traffic" in deployer.must("promote", "--hold")
        assert f"2.0.0 failed on {name}, and 1.0.0 serves: aborted by Ada from" in deployer.must(
            "abort"
        )
        assert deployer.served() == "1.0.0"
        done = deployer.inv("abort")
        assert done.status == 2
        assert f"nothing is under way on {name}: did you mean `inv rollback`?" in done.out
        done = deployer.inv("promote")
        assert done.status == 2
        assert f"nothing is held on {name}" in done.out
        deployer.must("deploy", "--version", "2.0.0", "--hold")
        assert f"{name} serves 2.0.0: deployed in " in deployer.must("promote")
        assert deployer.served() == "2.0.0"
        assert not users.lost


def test_one_works_at_a_time_and_can_be_asked_to_stop(make_deployer: MakeDeployer) -> None:
    deployer = make_deployer(strategy="blue-green", replicas=1, watch=watch(300, 1))
    deployer.write(watch=watch(1, 1))
    deployer.must_deploy("1.0.0")
    deployer.write(watch=watch(300, 1))
    with deployer.users() as users:
        with deployer.started("deploy", "--version", "2.0.0") as running:
            running.wait_for("watching")
            done = deployer.deploy("2.0.0")
            assert done.status == 3, done.out
            assert "locked: Ada (deploy 2.0.0) from " in done.out
            assert f": wait until it has ended, or `inv abort {deployer.name}`" in done.out
            done = deployer.deploy("2.0.0", "--dry-run")
            assert done.status == 3, done.out
            done = deployer.inv("unlock")
            assert done.status == 2, done.out
            out = deployer.must("abort")
            assert "is at work, and is asked to go back" in out
            assert f"2.0.0 failed on {deployer.name}, and 1.0.0 serves: aborted by Ada" in out
            done = running.ended()
            assert done.status == 1, done.out
        with deployer.started("deploy", "--version", "2.0.0") as running:
            running.wait_for("watching")
            os.kill(running.process.pid, signal.SIGTERM)
            done = running.ended()
            assert done.status == 1, done.out
            assert "1.0.0 serves: stopped by SIGTERM" in done.out
        with deployer.started("deploy", "--version", "2.0.0", by_nox=True) as running:
            running.wait_for("watching")
            os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
            done = running.ended()
            assert "1.0.0 serves: stopped by SIGINT" in done.out
        assert deployer.served() == "1.0.0"
        assert not users.lost
    assert deployer.outcomes()[1:] == [("deploy", "2.0.0", "failed")] * 3


def test_one_whose_lock_was_taken_touches_nothing_any_more(make_deployer: MakeDeployer) -> None:
    deployer = make_deployer(strategy="blue-green", replicas=1, lease=2)
    deployer.must_deploy("1.0.0")
    deployer.write(watch=watch(300, 1))
    with deployer.started("deploy", "--version", "2.0.0") as running:
        running.wait_for("watching")
        assert "It was held by Ada (deploy 2.0.0) from " in deployer.must("unlock", "--yes")
        done = running.ended()
    assert done.status == 3, done.out
    assert "the lock was taken away by somebody who unlocked" in done.out
    assert deployer.outcomes()[-1] == ("deploy", "2.0.0", "watching")
    out = deployer.must("abort")
    assert f"2.0.0 failed on {deployer.name}, and 1.0.0 serves: aborted by Ada" in out
    assert deployer.served() == "1.0.0"


def test_an_earlier_release_serves_again_as_it_was(
    make_deployer: MakeDeployer, tmp_path: Path
) -> None:
    deployer = make_deployer(strategy="blue-green", warm=True)
    name = deployer.name
    overrides = f"deploy/compose/{name}.yaml"

    def settings() -> set[str]:
        project = f"--filter=label=com.docker.compose.project={deployer.images.name}-{name}-"
        found = [docker("ps", "--quiet", f"{project}{slot}") for slot in ("blue", "green")]
        told = docker("inspect", "--format={{json .Config.Env}}", *"\n".join(found).split())
        return {line for env in told.splitlines() for line in json.loads(env) if "LEVEL" in line}

    def configure(level: str) -> None:
        text = f"services:\n  app:\n    environment:\n      APP_LOG_LEVEL: {level}\n"
        deployer.project.write(overrides, text)

    configure("warning")
    deployer.must_deploy("1.0.0")
    done = deployer.inv("rollback")
    assert done.status == 2
    assert f"nothing else has served {name} yet" in done.out
    configure("error")
    deployer.must_deploy("2.0.0")
    assert settings() == {"APP_LOG_LEVEL=warning", "APP_LOG_LEVEL=error"}, "both are warm"
    # From here on there is no registry, no cosign, no Trivy, and what is in the folder is wrong.
    configure("of no kind")
    deployer.project.replace("pyproject.toml", deployer.images.repository, "localhost:1/gone")
    path = without("cosign", deployer.project.environment["PATH"], tmp_path / "bin")
    (tmp_path / "bin/trivy").unlink(missing_ok=True)
    with deployer.users() as users:
        took: list[float] = []

        def back(*to: str) -> str:
            began = time.monotonic()
            out = deployer.must("rollback", *to, PATH=path)
            took.append(time.monotonic() - began)
            return out

        assert f"{name} serves 1.0.0 again: rolled back in " in back()
        assert deployer.served() == "1.0.0"
        back()
        assert deployer.served() == "2.0.0", "a rollback is rolled back"
        back("--to", "1.0.0")
        assert deployer.served() == "1.0.0"
        back("--to", "2")
        assert deployer.served() == "2.0.0", "a number of the ledger will do"
        assert min(took) < 10, "the other one is warm"  # other stories run beside this one
        for to, told in {
            "2.0.0": f"2.0.0 serves {name} already",
            "9.9.9": f"9.9.9 never served {name}: see `inv history {name}`",
        }.items():
            done = deployer.inv("rollback", "--to", to, PATH=path)
            assert done.status == 2
            assert told in done.out
        assert not users.lost
    assert [entry["release"] for entry in deployer.history()] == [1, 2, 1, 2, 1, 2]


@pytest.mark.fresh
def test_a_cluster_that_goes_away_for_a_while_or_for_good(
    make_deployer: MakeDeployer, cluster: str, tmp_path: Path
) -> None:
    deployer = make_deployer("kubernetes", strategy="blue-green", replicas=1, lease=15)
    deployer.must_deploy("1.0.0")
    deployer.write(watch=watch(10, 20))
    with api_server(cluster) as gate, deployer.users() as users:
        kubeconfig = str(gate.kubeconfig(tmp_path / "config", cluster))
        deployer.write(kubernetes=deployer.tables["kubernetes"] | {"direct": True})
        run = ("deploy", "--version", "2.0.0")
        with deployer.started(*run, KUBECONFIG=kubeconfig) as running:
            running.wait_for("watching")
            gate.is_shut = True
            time.sleep(4)
            gate.is_shut = False
            done = running.ended()
        assert done.status == 0, done.out
        assert deployer.served() == "2.0.0"

        deployer.must("rollback")
        with deployer.started(*run, KUBECONFIG=kubeconfig) as running:
            running.wait_for("watching")
            gate.is_shut = True
            done = running.ended()
        assert done.status == 4, done.out
        assert "the lock could not be renewed for 15 s, so nothing more is touched" in done.out
        refused = deployer.deploy("2.0.0", KUBECONFIG=kubeconfig)
        assert refused.status == 2, refused.out
        out = deployer.must("abort")
        assert "1.0.0 serves" in out
        assert deployer.served() == "1.0.0"
        assert users.lost == []


@pytest.mark.fresh
def test_a_ledger_that_cannot_be_written_is_a_reason_to_go_back(
    make_deployer: MakeDeployer,
) -> None:
    deployer = make_deployer(strategy="blue-green", replicas=1, lease=60)
    deployer.must_deploy("1.0.0")
    in_the_way = Path(deployer.tables["compose"]["directory"]) / "documents/.new"
    with deployer.users() as users, deployer.started("deploy", "--version", "2.0.0") as running:
        running.wait_for("trying")
        in_the_way.mkdir()
        done = running.ended()
        assert done.status == 1, done.out
        assert "1.0.0 serves: the ledger cannot be written: " in done.out
        assert deployer.served() == "1.0.0"
        in_the_way.rmdir()
        assert "under way  2.0.0: trying" in deployer.must("status")
        deployer.must("unlock", "--yes")
        assert "2.0.0 was interrupted while trying" in deployer.must_deploy("2.0.0")
        assert users.lost == []


def state_of(deployer: Deployer) -> list[str]:
    """Return what there is of an environment, on the engine and in its folder."""
    folder, name = Path(deployer.tables["compose"]["directory"]), f"--filter=name={deployer.name}"
    return [
        docker("ps", "--all", "--no-trunc", "--format={{.ID}} {{.Image}} {{.State}}", name),
        docker("network", "ls", "--no-trunc", "--quiet", name),
        *sorted(f"{p} {p.read_bytes()!r}" for p in folder.rglob("*") if p.is_file()),
    ]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("rolling", ["pull", "down", "up 1", "send", "stop", "up 2", "send", "stop", "down"]),
        pytest.param(
            "canary",
            ["pull", "down", "up 2", "send", "send", "send", "send", "down"],
            marks=pytest.mark.fresh,
        ),
    ],
)
def test_a_dry_run_tells_all_and_changes_nothing(
    make_deployer: MakeDeployer, strategy: str, expected: list[str]
) -> None:
    first = make_deployer(strategy=strategy)
    out = first.must("deploy", "--version", "1.0.0", "--dry-run")
    assert " up --detach " in out
    assert not Path(first.tables["compose"]["directory"]).exists(), "not even a folder is made"

    deployer = make_deployer(strategy=strategy)
    deployer.must_deploy("1.0.0")
    newer = deployer.images.newer  # another test may have had the engine pull it already
    docker("image", "rm", "--force", newer, newer.replace(newer.partition("@")[1], ":2.0.0@"))
    before = state_of(deployer)
    out = deployer.must("deploy", "--version", "2.0.0", "--dry-run")
    assert state_of(deployer) == before
    assert "signed by   the key cosign.pub" in out
    assert re.search(r"^-.*image: \S+@sha256:", out, re.MULTILINE)
    assert re.search(r"^\+.*image: \S+@sha256:", out, re.MULTILINE)
    assert [what_runs(line) for line in out.splitlines() if line.startswith("$ ")] == expected


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param("rolling", ["apply", "apply", "scale 0"], marks=pytest.mark.fresh),
        ("blue-green", ["apply", "scale 2", "patch", "patch", "scale 0"]),
    ],
)
def test_so_does_one_on_a_cluster(
    make_deployer: MakeDeployer, strategy: str, expected: list[str]
) -> None:
    deployer = make_deployer("kubernetes", strategy=strategy)
    deployer.must_deploy("1.0.0")
    before = deployer.must("status")
    taste = {"KUBECTL_EXTERNAL_DIFF": "diff --brief"}
    out = deployer.must("deploy", "--version", "2.0.0", "--dry-run", **taste)
    assert deployer.must("status") == before
    assert deployer.served() == "1.0.0"
    assert re.search(r"^-.*image: \S+@sha256:", out, re.MULTILINE)
    commands = [line for line in out.splitlines() if line.startswith("$ kubectl ")]
    words = [re.search(r" (apply|patch|scale|delete)\b(?:.*--replicas=(\d))?", c) for c in commands]
    assert [" ".join(filter(None, word.groups())) for word in words if word] == expected


def what_runs(command: str) -> str:
    """Return what a command of a deployment does, in a word or two."""
    if scaled := re.search(r" up .*--scale=app=(\d)", command):
        return f"up {scaled[1]}"
    words = {" down": "down", "docker pull ": "pull", "docker stop ": "stop", "sh -c ": "send"}
    return next((word for part, word in words.items() if part in command), command)


def test_what_may_not_be_deployed_is_refused_before_anything_is_touched(
    make_deployer: MakeDeployer, make_database: MakeDatabase, tmp_path: Path
) -> None:
    deployer = make_deployer(replicas=1)
    name, images = deployer.name, deployer.images
    images.make("unsigned", "LABEL a=b")
    weak = make_database(Vulnerability("CVE-2026-7", "uvicorn", "pip", fixed="99"))
    nothing = make_database(known=[])
    cases: list[tuple[str, dict[str, str], str]] = [
        ("9.9.9", {}, f"there is no image {images.repository}:9.9.9: was it published"),
        ("unsigned", {}, "is not signed by the key cosign.pub: do not use it"),
        ("1.0.0", {"TRIVY_CACHE_DIR": str(weak)}, "trivy CVE-2026-7"),
        ("1.0.0", {"TRIVY_CACHE_DIR": str(nothing)}, "its database knows nothing about"),
        ("1.0.0", {"DOCKER_HOST": f"unix://{tmp_path}/none"}, "no Docker engine answers on this"),
    ]
    (weak / "fanal").mkdir()
    with (weak / "fanal/fanal.db").open("wb") as cache:
        fcntl.flock(cache, fcntl.LOCK_EX)  # as another Trivy does, at another deployment
        for version, variables, told in cases:
            done = deployer.deploy(version, **variables)
            assert done.status == 2, done.out
            assert told in done.out
            assert "nothing was touched" in done.out
    assert [phase for _, _, phase in deployer.outcomes()] == ["refused"] * len(cases)
    assert docker("ps", "--all", "--quiet", f"--filter=name={images.name}-{name}") == ""
    told = deployer.history()[1]["state"]["reason"]
    assert "is not signed by" in told, "the ledger knows why"

    deployer.write(smoke=[{"path": "/v1/notes", "token": "SMOKE"}], confirm=True)
    done = deployer.deploy("1.0.0")
    assert done.status == 2
    assert f"{name} asks for confirmation, and there is no terminal to ask at: --yes" in done.out
    done = deployer.deploy("1.0.0", "--yes")
    assert done.status == 2
    assert "SMOKE is not set" in done.out
    deployer.write(replicas=0)
    done = deployer.deploy("1.0.0", "--yes")
    assert done.status == 2
    assert done.out == (f"deploy/environments.toml: {name}.replicas must be at least 1 (got 0)\n")
    done = deployer.project.run(deployer.project.path / ".venv/bin/inv", "status", "nowhere")
    assert done.status == 2


def test_a_person_sees_what_there_is(make_deployer: MakeDeployer) -> None:
    deployer = make_deployer(strategy="blue-green", replicas=2)
    name = deployer.name
    assert f"{name}: nothing was deployed yet" in deployer.must("status")
    deployer.must_deploy("1.0.0")
    deployer.deploy("errors")

    status = deployer.must("status")
    assert f"{name} serves 1.0.0, release 1" in status
    assert status.count(" yes ") == 4, "two are live, and ready"

    history = deployer.must("history")
    assert "1.0.0 *" in history
    assert "failed: GET /v1/notes: status 500" in history
    assert "Ada" in history

    health = deployer.must("health")
    assert "/readyz" in health
    assert "2 of 2 ready, 0 restarts, release 1" in health
    assert re.search(r"version +ok +1\.0\.0", health)

    figures = json.loads(deployer.must("figures", "--as-json"))
    assert figures["deployments"] == 2
    assert figures["failed"] == 1
    assert figures["lead_time"] > 0
    assert "change failure rate    50% (1 of 2)" in deployer.must("figures")

    assert "verdict            passed" in deployer.must("loadtest", "--path", "/v1/notes")
    slow = deployer.inv("loadtest", "--requests", "10", "--p95", "0.0001")
    assert slow.status == 1
    assert "0 ms may be" in slow.out

    logs = deployer.must("logs", "--lines", "5")
    assert logs.count('"route": "/v1/notes"') > 2
    live = docker("ps", "--quiet", f"--filter=name={deployer.images.name}-{name}-").split()
    docker("kill", *live)
    done = deployer.inv("health")
    assert done.status == 1
    assert "FAILED" in done.out
