"""Releases on a host with Compose: brought to traffic, taken back, and nobody notices."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from ops.model import Environment, Rollout
from ops.shell import Shell
from ops.targets import Document
from pipeline.shell import FailedError

from tests.images.containers import docker, left_of
from tests.ops import ssh
from tests.ops.composed import BLUE_GREEN, CANARY, ROLLING, Place
from tests.ops.images import ServiceImages
from tests.ops.users import Users

pytestmark = pytest.mark.e2e
MakePlace = Callable[..., Place]


@pytest.fixture
def make_place(
    service_images: ServiceImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakePlace]:
    """Return a function that makes an environment of the project, with nothing deployed."""
    project = tmp_path / "project"
    shutil.copytree(service_images.project.path, project)
    monkeypatch.chdir(project)
    made: list[str] = []

    def make(**keys: object) -> Place:
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
        name, folder = f"e{uuid4().hex[:8]}", tmp_path / f"state-{len(made)}"
        place = {"publish": f"127.0.0.1:{port}", "directory": str(folder)}
        compose = {**place, **keys.pop("compose", {})}  # type: ignore[dict-item]
        environment = Environment.model_validate(
            {"name": name, "target": "compose", "compose": compose, **keys}
        )
        full = f"{service_images.name}-{name}"
        made.append(full)
        return Place(environment, full, f"http://127.0.0.1:{port}", folder)

    yield make
    for name in made:
        for what in ("blue", "green", "proxy", "once"):
            docker("compose", f"--project-name={name}-{what}", "down", "--timeout=1")
        if docker("network", "ls", "--quiet", f"--filter=name=^{name}$"):
            docker("network", "rm", name)
        assert left_of(name) == []


@pytest.mark.fresh  # by day, as part of whole deployments, in test_deployments.py
def test_no_request_is_lost_whatever_the_strategy(
    make_place: MakePlace, service_images: ServiceImages
) -> None:
    place = make_place()
    live = place.release(service_images.good)
    place.deploy(Rollout(live, None, BLUE_GREEN))
    assert place.versions() == {"1.0.0": 300}
    assert [(each.release, each.ready, each.live) for each in place.target.instances()] == [
        (1, True, True),
        (1, True, True),
    ]
    image = {"1.0.0": service_images.newer, "2.0.0": service_images.good}
    with Users(place.url) as users:
        for strategy in (BLUE_GREEN, CANARY, ROLLING):
            [served] = place.versions(20)
            new = place.release(image[served])
            for stop, share in enumerate(strategy.shares):
                at = _as_far_as(place, Rollout(new, live, strategy, stop))
                got = 1 - place.versions(600)[served] / 600
                assert abs(got - share / 100) <= 0.06 if 0 < share < 100 else got == share / 100
                if strategy is BLUE_GREEN or share == 10:
                    continue  # of the others, the same
                assert place.go_back(at).settled
                assert place.go_back(at).settled, "it may be done again"
                assert place.versions(100) == {served: 100}
                assert sum(place.running().values()) == 2
            place.deploy(Rollout(new, live, strategy))
            assert served not in place.versions(100)
            assert [*place.running().values()] == [2]
            assert users.lost == []
            live = new
    assert users.lost == []


def _as_far_as(place: Place, rollout: Rollout) -> Rollout:
    """Have a release at one of its stops, with everything done twice on the way."""
    for _ in range(2):
        place.target.begin(rollout)
    for stop, share in enumerate(rollout.strategy.shares[: rollout.stop + 1]):
        at = replace(rollout, stop=stop)
        for _ in range(2 if stop else 0):
            place.target.promote(at)
        progress = place.settle(at)
        tried = 1 if rollout.strategy is ROLLING and not share else 2
        assert (progress.share, progress.ready, progress.desired) == (share, tried, tried), progress
        assert progress.settled
    return at


def test_rollback_takes_seconds_needs_no_registry_and_brings_its_settings_back(
    make_place: MakePlace, service_images: ServiceImages, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("# of one host\nAPP_TOKENS=cheval$batterie\n", encoding="utf-8")
    place = make_place(warm=True, compose={"secrets": str(secrets)})
    override = Path(f"deploy/compose/{place.environment.name}.yaml")
    override.write_text("services: {app: {environment: {APP_LOG_LEVEL: warning}}}")
    first = place.release(service_images.good)
    place.deploy(Rollout(first, None, BLUE_GREEN))
    override.write_text("services: {app: {environment: {APP_LOG_LEVEL: error}}}")
    second = place.release(service_images.newer)
    difference = place.target.difference(second)
    assert "-      APP_LOG_LEVEL: warning\n+      APP_LOG_LEVEL: error\n" in difference
    assert "nginx" not in difference
    place.deploy(Rollout(second, first, CANARY))
    assert place.running() == {"blue": 2, "green": 2}
    assert "cheval" not in first.manifest + second.manifest + difference
    with Users(place.url) as users, without_pulls(tmp_path):
        warm = place.roll_back(first, second)
        assert place.versions(100) == {"1.0.0": 100}
        back = place.roll_back(second, first)
        place.set(warm=False)
        place.roll_back(first, second)
        assert place.running() == {"blue": 2}
        place.roll_back(second, first)
        assert place.versions(100) == {"2.0.0": 100}
    assert users.lost == []
    assert max(warm, back) <= 10
    [one, _] = place.containers("green")
    assert place.settings_of(one)["APP_LOG_LEVEL"] == "error"
    assert place.settings_of(one)["APP_TOKENS"] == "cheval$batterie"

    # The host loses its power, and comes back in any order.
    everything = [*place.containers("green"), *place.containers("proxy")]
    docker("kill", *everything)
    docker("start", *reversed(everything))
    end = time.monotonic() + 30
    while not _answers(place.url):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert place.versions(100) == {"2.0.0": 100}
    third = place.release(service_images.good)
    assert place.deploy(Rollout(third, second, ROLLING))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def without_pulls(folder: Path) -> Iterator[None]:
    """Have a docker that cannot ask a registry."""
    real, fake = shutil.which("docker"), folder / "offline" / "docker"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n[ "$1" != pull ] || exit 1\nexec {real} "$@"\n')
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        yield


class Killed(BaseException):
    """What SIGKILL would have been."""


@dataclass(frozen=True)
class MortalShell(Shell):
    """Starts processes until it is killed, right before the last of so many that change."""

    left: list[int] = field(default_factory=list)

    def change(self, *command: str, stdin: str | None = None, seconds: float = 60) -> str:
        self.left[0] -= 1
        if not self.left[0]:
            raise Killed
        return super().change(*command, stdin=stdin, seconds=seconds)


@pytest.mark.fresh
def test_a_deployment_killed_between_any_two_commands_is_undone_by_another_process(
    make_place: MakePlace, service_images: ServiceImages
) -> None:
    place = make_place(replicas=2)
    live = place.release(service_images.good)
    place.deploy(Rollout(live, None, BLUE_GREEN))
    rollout = Rollout(place.release(service_images.newer), live, ROLLING)
    with Users(place.url, 2) as users:
        for commands in range(1, 20):
            place.shell = MortalShell(left=[commands])
            try:
                place.deploy(rollout)
            except Killed:
                place.shell = Shell()
                assert place.go_back(rollout).settled
                assert place.versions(20) == {"1.0.0": 20}
                assert sum(place.running().values()) == 2
            else:
                break
        assert users.lost == []
        place.shell = Shell()
        place.target.finish(rollout)
        assert place.versions(20) == {"2.0.0": 20}
    assert 3 < commands < 19
    assert users.lost == []


def test_a_first_release_that_is_undone_leaves_nothing_and_a_dry_run_changes_nothing(
    make_place: MakePlace, service_images: ServiceImages, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_place(replicas=1)
    rollout = Rollout(place.release(service_images.good), None, BLUE_GREEN)
    place.target.check()
    place.shell = Shell(dry_run=True)
    place.target.begin(rollout)
    place.target.store.write("lock", "somebody", None)
    assert "docker compose --project-name=" in capsys.readouterr().out
    assert not place.folder.exists()
    assert left_of(place.name) == []
    place.shell = Shell()
    place.target.begin(rollout)
    assert place.settle(rollout).settled
    with place.target.reach(rollout) as url:
        assert httpx.get(f"{url}/readyz").is_success
    with place.target.reach() as url:
        assert httpx.get(f"{url}/readyz").status_code == 503, "at a share of 0 nobody is sent there"
    [name] = [each.name for each in place.target.instances()]
    assert all(line.startswith(f"{name} | {{") for line in place.target.logs(5, follow=False))
    lines = place.target.logs(1, follow=True)
    assert next(lines)
    lines.close()  # type: ignore[attr-defined]
    place.target.run_once(
        service_images.good, ["python", "-c", "import os; os.environ['APP_PORT']"]
    )
    with pytest.raises(FailedError, match="no such thing"):
        place.target.run_once(service_images.good, ["python", "-c", "exit('no such thing')"])
    assert place.go_back(rollout).settled
    assert place.go_back(rollout).settled
    assert left_of(place.name) == []
    assert not docker("network", "ls", "--quiet", f"--filter=name=^{place.name}$")

    with socket.create_server(("127.0.0.1", int(place.url.rpartition(":")[2]))):
        with pytest.raises(FailedError, match=r"port \d+ on this machine is taken by another"):
            place.target.check()
        with pytest.raises(FailedError, match="already"):
            place.target.begin(rollout)
    with pytest.raises(FailedError, match="not found"):
        place.target.begin(replace(rollout, release=place.release(service_images.missing)))
    assert place.go_back(rollout).settled
    Path("deploy/compose", f"{place.environment.name}.yaml").write_text(
        "services: {app: {environment: {PASSWORD: '${PASSWORD}'}}}"
    )
    with pytest.raises(FailedError, match=r"deploy/compose: \$\{PASSWORD is not known there"):
        place.release(service_images.good)


def test_a_proxy_that_has_changed_reads_it_once_and_says_so(
    make_place: MakePlace, service_images: ServiceImages, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_place(replicas=1)
    first = place.release(service_images.good)
    place.deploy(Rollout(first, None, BLUE_GREEN))
    conf = Path("deploy/compose/nginx.conf")
    good = conf.read_text(encoding="utf-8")
    second = place.release(service_images.newer)
    capsys.readouterr()
    place.deploy(Rollout(second, first, BLUE_GREEN))
    assert capsys.readouterr().out == ""
    conf.write_text(good.replace("return 404", "return 410"), encoding="utf-8")
    third = place.release(service_images.good)
    assert "+      return 410" in place.target.difference(third)
    place.roll_back(first, second)
    assert httpx.get(f"{place.url}/metrics").status_code == 404, "a rollback changes no proxy"
    place.target.begin(Rollout(third, first, BLUE_GREEN))
    assert "nginx.conf has changed" in capsys.readouterr().out
    assert httpx.get(f"{place.url}/metrics").status_code == 410
    conf.write_text("nonsense;", encoding="utf-8")
    with pytest.raises(FailedError, match="unknown directive"):
        place.target.begin(Rollout(third, first, BLUE_GREEN))
    assert httpx.get(f"{place.url}/metrics").status_code == 410


def test_a_host_that_ssh_reaches_is_deployed_to_and_rolled_back(
    make_place: MakePlace,
    service_images: ServiceImages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("APP_SHUTDOWN_GRACE=19\n", encoding="utf-8")
    with ssh.host(tmp_path / "ssh", monkeypatch) as url:
        place = make_place(warm=True, compose={"host": url, "secrets": str(secrets)})
        place.target.check()
        first = place.release(service_images.good)
        place.deploy(Rollout(first, None, BLUE_GREEN))
        second = place.release(service_images.newer)
        with Users(place.url) as users:
            place.deploy(Rollout(second, first, ROLLING))
            third = place.release(service_images.good)
            rollout = Rollout(third, second, CANARY)
            place.target.begin(rollout)
            assert place.settle(rollout).settled
            with place.target.reach(rollout) as direct, place.target.reach() as usual:
                assert httpx.get(f"{direct}/health").json()["version"] == "1.0.0"
                assert httpx.get(f"{usual}/health").json()["version"] == "2.0.0"
                assert direct.startswith("http://127.0.0.1:")
            place.deploy(rollout)
            place.roll_back(second, third)
            assert place.versions(100) == {"2.0.0": 100}
        assert users.lost == []
        [one, _] = place.containers("blue")
        assert place.settings_of(one)["APP_SHUTDOWN_GRACE"] == "19"
        revision = place.target.store.write("ledger", "a text\n", None)
        assert place.target.store.read("ledger") == Document("a text\n", revision)
        assert (place.folder / "documents" / "ledger").read_text() == "a text\n"
        assert len([*place.target.logs(1, follow=False)]) >= 2
        (tmp_path / "ssh" / "authorized").write_text("", encoding="utf-8")
        ssh.hang_up(url)
        with pytest.raises(FailedError, match=r"Permission denied .*your key there"):
            place.target.check()
        with pytest.raises(FailedError, match="Permission denied"):
            place.target.store.read("ledger")
    with pytest.raises(FailedError, match="Connection refused"):
        place.target.check()
