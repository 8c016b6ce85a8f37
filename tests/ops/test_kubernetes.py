"""Releases come to a cluster's traffic and back, and no user notices."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from ops.model import BACK, Environment, Progress, Release, Rollout, Strategy
from ops.shell import Shell
from ops.targets import ConflictError
from ops.targets.kubernetes import Kubernetes, connect
from pipeline.shell import FailedError

from tests.ops.apiserver import api_server
from tests.ops.cluster import kubectl, write_overlay
from tests.ops.images import ServiceImages
from tests.ops.users import Users

pytestmark = pytest.mark.e2e

SECRET = """\
  - target:
      kind: Deployment
    patch: |
      - op: remove
        path: /spec/template/spec/containers/0/envFrom/1/secretRef/optional
"""
SECONDS = 90


@dataclass
class Place:
    """A namespace, and a person who deploys to it."""

    name: str
    images: ServiceImages
    environment: Environment
    number: int = 0

    def target(self, *, dry_run: bool = False) -> Kubernetes:
        """Return the target as another process finds it."""
        return connect(self.environment, Shell(dry_run=dry_run))

    def set(self, **values: Any) -> None:
        """Change the environment."""
        self.environment = self.environment.model_copy(update=values)

    def direct(self, is_direct: bool) -> None:
        """Say how pods are reached."""
        assert self.environment.kubernetes
        self.set(kubernetes=self.environment.kubernetes.model_copy(update={"direct": is_direct}))

    def configure(self, more: str) -> None:
        """Add to the overlay."""
        file = Path("deploy/kubernetes/overlays/test/kustomization.yaml")
        file.write_text(file.read_text() + more)

    def release(self, image: str) -> Release:
        """Return a new release of an image."""
        self.number += 1
        return Release(self.number, "", image, self.target().render(image))

    def kubectl(self, *arguments: str) -> str:
        assert self.environment.kubernetes
        return kubectl(f"--namespace={self.environment.kubernetes.namespace}", *arguments)

    def url(self) -> str:
        """Return the Service's own address."""
        address = self.kubectl("get", "service", self.name, "--output=jsonpath={.spec.clusterIP}")
        return f"http://{address}"

    def replicas(self) -> dict[str, int]:
        """Return how many pods each slot is to have."""
        items = json.loads(self.kubectl("get", "deployments", "--output=json"))["items"]
        slots = {each["metadata"]["labels"]["slot"]: each["spec"]["replicas"] for each in items}
        return dict(sorted(slots.items()))

    def settle(self, rollout: Rollout, *, restoring: bool = False) -> Progress:
        """Return how it is once it is settled, or has failed."""
        end = time.monotonic() + SECONDS
        while True:
            target = self.target()
            progress = target.restored(rollout) if restoring else target.observe(rollout)
            if progress.settled or progress.failed or time.monotonic() > end:
                return progress
            time.sleep(0.3)

    def stops(self, rollout: Rollout, last: int | None = None) -> Rollout:
        """Begin, and go on to a stop; each call is made twice, as by one who was killed."""
        for _ in range(2):
            self.target().begin(rollout)
        for stop in range((last if last is not None else len(rollout.strategy.shares) - 1) + 1):
            rollout = replace(rollout, stop=stop)
            for _ in range(2 if stop else 0):
                self.target().promote(rollout)
            progress = self.settle(rollout)
            assert progress.settled, progress
            assert self.target().observe(rollout) == progress
        return rollout

    def deploy(self, rollout: Rollout) -> Release:
        """Bring a release to all of the traffic, to the end."""
        rollout = self.stops(rollout)
        for _ in range(2):
            self.target().finish(rollout)
        return rollout.release

    def first(self) -> Release:
        """Bring the first release to all of the traffic."""
        release = self.release(self.images.good)
        return self.deploy(Rollout(release, None, self.environment.plan()))

    def undo(self, rollout: Rollout) -> None:
        """Abort, and wait until it is as before."""
        for _ in range(2):
            self.target().abort(rollout)
        progress = self.settle(rollout, restoring=True)
        assert progress.settled, progress
        assert (progress.share, progress.ready) == (100, self.environment.replicas)


MakePlace = Callable[..., Place]


@pytest.fixture
def place(
    service_images: ServiceImages,
    cluster: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    """Somebody's own copy of the project, and a namespace."""
    shutil.copytree(
        service_images.project.path, tmp_path / "project", ignore=shutil.ignore_patterns(".venv")
    )
    monkeypatch.chdir(tmp_path / "project")
    write_overlay(tmp_path / "project", service_images.name, "test")
    environment = Environment.model_validate(
        {
            "name": "test",
            "target": "kubernetes",
            "deadline": 60.0,
            "kubernetes": {"context": cluster, "namespace": namespace, "direct": True},
        }
    )
    return Place(service_images.name, service_images, environment)


def with_strategy(place: Place, strategy: str, **values: Any) -> Strategy:
    place.set(strategy=strategy, **values)
    return place.environment.plan()


def test_a_rolling_release_takes_the_place_of_the_one_before(place: Place) -> None:
    strategy = with_strategy(place, "rolling")
    before = place.first()
    with Users(place.url()) as users:
        assert users.see("1.0.0")
        begun = time.monotonic()
        newer = place.deploy(Rollout(place.release(place.images.newer), before, strategy))
        assert time.monotonic() - begun < 40
        assert users.see("2.0.0")
        assert place.replicas() == {"blue": 2, "green": 0}
        # Half-way, and back.
        third = place.stops(Rollout(place.release(place.images.good), newer, strategy), 0)
        assert place.replicas() == {"blue": 2, "green": 1}
        assert users.see("2.0.0")
        third = replace(third, stop=1)
        place.target().promote(third)
        while not place.target().observe(third).ready:
            time.sleep(0.1)
        place.undo(third)
        assert users.see("2.0.0")
        # The slot beside is cold.
        place.deploy(Rollout(before, newer, BACK))
        assert users.see("1.0.0")
        assert place.replicas() == {"blue": 0, "green": 2}
        assert users.lost == []


def test_a_blue_green_release_is_tried_beside_and_the_one_before_stays_warm(place: Place) -> None:
    strategy = with_strategy(place, "blue-green", warm=True)
    before = place.first()
    with Users(place.url()) as users:
        first_stop = place.stops(Rollout(place.release(place.images.newer), before, strategy), 0)
        assert users.see("1.0.0")
        with place.target().reach(first_stop) as url:
            assert httpx.get(f"{url}/health").json()["version"] == "2.0.0"
        place.undo(first_stop)
        assert place.replicas() == {"blue": 2, "green": 0}
        newer = place.release(place.images.newer)
        last_stop = place.stops(Rollout(newer, before, strategy))
        assert users.see("2.0.0")
        place.undo(last_stop)
        assert users.see("1.0.0")
        place.deploy(Rollout(newer, before, strategy))
        assert place.replicas() == {"blue": 2, "green": 2}
        live = {(each.release, each.live, each.ready) for each in place.target().instances()}
        assert live == {(before.number, False, True), (newer.number, True, True)}
        # Back, and back from back.
        for to, of, version in [(before, newer, "1.0.0"), (newer, before, "2.0.0")]:
            begun = time.monotonic()
            place.deploy(Rollout(to, of, BACK))
            assert time.monotonic() - begun < 10
            assert users.see(version)
        assert users.lost == []


@pytest.mark.fresh
def test_a_canary_gets_its_share_and_gives_it_back_at_each_stop(place: Place) -> None:
    strategy = with_strategy(place, "canary")
    assert strategy.shares == (0, 10, 50, 100)
    before = place.first()
    with Users(place.url()) as users:
        expected = [
            ({"blue": 2, "green": 1}, 0, ["1.0.0"]),
            ({"blue": 2, "green": 1}, 33, ["1.0.0", "2.0.0"]),
            ({"blue": 2, "green": 2}, 50, ["1.0.0", "2.0.0"]),
            ({"blue": 2, "green": 2}, 100, ["2.0.0"]),
        ]
        for stop, (replicas, share, versions) in enumerate(expected):
            canary = place.stops(Rollout(place.release(place.images.newer), before, strategy), stop)
            assert place.replicas() == replicas
            assert place.target().observe(canary).share == share
            assert users.see(*versions)
            place.undo(canary)
            assert place.replicas() == {"blue": 2, "green": 0}
            assert users.see("1.0.0")
        newer = place.deploy(Rollout(place.release(place.images.newer), before, strategy))
        assert place.replicas() == {"blue": 0, "green": 2}
        begun = time.monotonic()
        place.deploy(Rollout(before, newer, BACK))
        assert time.monotonic() - begun < SECONDS
        assert users.see("1.0.0")
        assert users.lost == []


def test_the_first_release_is_taken_away_and_a_stranger_is_not(place: Place) -> None:
    strategy = with_strategy(place, "canary")
    store = place.target().store
    store.write("ledger-1", "mine", None)
    release = place.release(place.images.good)
    first = place.stops(Rollout(release, None, strategy), 0)
    with pytest.raises(httpx.TransportError):
        httpx.get(place.url(), timeout=2)
    place.stops(first, 1)
    assert httpx.get(f"{place.url()}/readyz").status_code == 200
    for _ in range(2):
        place.target().abort(first)
    assert place.settle(first, restoring=True).settled
    kinds = "deployments,services,poddisruptionbudgets,configmaps,networkpolicies,serviceaccounts"
    left = place.kubectl("get", kinds, "--output=name").splitlines()
    assert [each for each in left if place.name in each] == [f"configmap/{place.name}-ledger-1"]
    # Whoever lost the ledger does not lose the service with it.
    place.first()
    unknown = Rollout(place.release(place.images.newer), None, strategy)
    with pytest.raises(FailedError, match="serves release 2, of which nothing is recorded"):
        place.target().begin(unknown)
    place.target().abort(unknown)
    assert place.settle(unknown, restoring=True).settled
    assert httpx.get(f"{place.url()}/health").json()["version"] == "1.0.0"


def test_a_bad_release_is_told_by_its_reason_and_undone(place: Place) -> None:
    strategy = with_strategy(place, "blue-green", deadline=60.0)
    before = place.first()
    with Users(place.url()) as users:

        def fails(image: str, reason: str, *, after: bool = False) -> None:
            rollout = Rollout(place.release(image), before, strategy)
            place.target().begin(rollout)
            if after:
                assert place.settle(rollout).settled
                end = time.monotonic() + SECONDS
                while (progress := place.target().observe(rollout)).settled:
                    assert time.monotonic() < end
                    time.sleep(0.3)
                progress = place.settle(rollout)
            else:
                progress = place.settle(rollout)
            assert reason in progress.failed
            assert not progress.settled
            assert progress.share == 0
            place.undo(rollout)
            assert users.see("1.0.0")

        fails(place.images.crashes, "this release crashes at its start")
        fails(place.images.missing, "cannot start: ImagePullBackOff")
        fails(place.images.dies, "this release dies of its fault", after=True)
        place.set(deadline=15.0)
        fails(
            place.images.unready, "Readiness probe failed: HTTP probe failed with statuscode: 503"
        )
        place.set(deadline=60.0)
        limit = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}}
        text = yaml.safe_dump({**limit, "spec": {"hard": {"pods": "2"}}})
        assert place.environment.kubernetes
        own = f"--namespace={place.environment.kubernetes.namespace}"
        kubectl(own, "apply", "-f", "-", stdin=text)
        fails(place.images.newer, "exceeded quota: full")
        place.kubectl("delete", "resourcequota", "full")
        assert users.lost == []


def test_what_the_cluster_would_not_take_is_refused_before_anything_is_touched(
    place: Place,
) -> None:
    assert place.environment.kubernetes
    own = f"--context={place.environment.kubernetes.context} "
    own += f"--namespace={place.environment.kubernetes.namespace}"
    place.configure(SECRET)
    with pytest.raises(FailedError) as refusal:
        place.release(place.images.good)
    assert str(refusal.value) == (
        f"deploy/kubernetes/overlays/test: the namespace has no Secret {place.name!r}: "
        f"kubectl {own} create secret generic {place.name} --from-env-file=FILE"
    )
    place.kubectl("create", "secret", "generic", place.name, "--from-literal=APP_LOG_LEVEL=info")
    place.release(place.images.good)
    place.configure("      - {op: add, path: /spec/minReadySecond, value: 2}\n")
    with pytest.raises(FailedError, match=r'would not take it: .*unknown field "minReadySecond"'):
        place.release(place.images.good)
    assert place.kubectl("get", "deployments,services,pods", "--output=name") == ""


def test_settings_are_a_release_and_go_back_with_it(place: Place) -> None:
    strategy = with_strategy(place, "rolling", replicas=1)
    before = place.first()
    place.configure(
        "configMapGenerator:\n"
        f"  - {{name: {place.name}, behavior: merge, literals: [APP_LOG_LEVEL=debug]}}\n"
    )
    release = place.release(place.images.good)
    difference = place.target().difference(release)
    assert "+++ merged/" in difference
    assert "APP_LOG_LEVEL: debug" in difference
    place.deploy(Rollout(release, before, strategy))
    level = ("exec", f"deployment/{place.name}-blue", "--", "printenv", "APP_LOG_LEVEL")
    assert place.kubectl(*level) == "debug"
    settings = ("get", "configmaps", "--selector=app.kubernetes.io/component=settings", "-oname")
    assert len(place.kubectl(*settings).splitlines()) == 1  # what nobody needs is gone
    place.deploy(Rollout(before, release, BACK))
    assert place.kubectl(*[each.replace("-blue", "-green") for each in level]) == "info"
    assert len(place.kubectl(*settings).splitlines()) == 1
    assert place.target().difference(before) == ""
    # What is said, what is run once, and what a dry run does.
    said = list(place.target().logs(5, follow=False))
    of_pods = [line for line in said if line.startswith("[pod/")]
    assert of_pods
    # kubectl tells so of a pod that has just gone.
    assert [it for it in said if it not in of_pods and not it.startswith("error: ")] == []
    following = place.target().logs(5, follow=True)
    assert any(line.startswith("[pod/") for line in following)
    following.close()  # type: ignore[attr-defined]


def test_a_command_is_run_once_with_the_settings(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    target, image = place.target(), place.images.good
    target.run_once(image, ["python", "-c", "import os; print(os.environ['APP_SHUTDOWN_DELAY'])"])
    assert capsys.readouterr().out == "5\n"
    with pytest.raises(FailedError, match=r"ended with status 3 \(Error\): no such table"):
        target.run_once(image, ["python", "-c", "import sys; print('no such table'); sys.exit(3)"])
    assert capsys.readouterr().out == "no such table\n"
    with pytest.raises(FailedError, match="cannot start"):
        target.run_once(place.images.missing, ["true"])
    pods = ("get", "pods", "--field-selector=status.phase=Running", "--output=name")
    assert place.kubectl(*pods) == ""


def test_a_dry_run_prints_what_it_would_do_and_does_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    strategy = with_strategy(place, "blue-green", replicas=1)
    before = place.first()
    rollout = Rollout(place.release(place.images.newer), before, strategy)
    everything = ("get", "all,configmaps,networkpolicies,serviceaccounts", "--output=name")
    there, manifest = place.kubectl(*everything), place.kubectl("get", "deployments", "-oyaml")
    target = place.target(dry_run=True)
    target.begin(rollout)
    target.promote(replace(rollout, stop=1))
    target.finish(replace(rollout, stop=1))
    target.abort(rollout)
    target.run_once(place.images.newer, ["true"])
    assert place.kubectl(*everything) == there
    assert place.kubectl("get", "deployments", "-oyaml") == manifest
    out = capsys.readouterr().out
    assert f"$ kubectl --context={place.environment.kubernetes.context} " in out  # type: ignore[union-attr]
    assert " scale deployment " in out


def test_reaching_it_leads_to_each_and_survives_the_loss_of_one(place: Place) -> None:
    strategy = with_strategy(place, "canary")
    before = place.first()
    place.direct(False)  # by `kubectl port-forward`, for which a node needs socat
    canary = place.stops(Rollout(place.release(place.images.newer), before, strategy), 2)
    with place.target().reach() as users, place.target().reach(canary) as straight:
        seen = [httpx.get(f"{users}/health").json()["version"] for _ in range(8)]
        assert sorted(seen) == ["1.0.0"] * 4 + ["2.0.0"] * 4
        pod = next(
            each.name
            for each in place.target().instances()
            if each.release == canary.release.number
        )
        place.kubectl("delete", "pod", pod, "--wait=false")
        while place.kubectl("get", "pod", pod, "--ignore-not-found", "--output=name"):
            assert httpx.get(f"{straight}/health").json()["version"] == "2.0.0"
        for _ in range(4):
            assert httpx.get(f"{straight}/health").json()["version"] == "2.0.0"
    place.set(url="https://service.example.org")
    with place.target().reach() as url:
        assert url == "https://service.example.org"


def test_documents_are_kept_and_never_written_over(place: Place) -> None:
    mine, yours = place.target().store, place.target().store
    assert mine.read("lock") is None
    first = mine.write("lock", "me", None)
    with pytest.raises(ConflictError):
        yours.write("lock", "you", None)
    second = yours.write("lock", "you", first)
    with pytest.raises(ConflictError):
        mine.write("lock", "me", first)
    with pytest.raises(ConflictError):
        mine.delete("lock", first)
    found = mine.read("lock")
    assert found
    assert (found.text, found.revision) == ("you", second)
    mine.write("ledger-2", "b", None)
    mine.write("ledger-10", "ä\n", None)
    assert [each.text for each in mine.read_all("ledger-").values()] == ["ä\n", "b"]
    mine.delete("lock", second)
    assert yours.read("lock") is None
    with pytest.raises(ConflictError):
        yours.delete("lock", second)
    with pytest.raises(ConflictError):
        yours.write("lock", "me", second)
    with pytest.raises(FailedError, match=r"large|Too long|exceed"):
        mine.write("ledger-11", "x" * 2_000_000, None)


def test_what_is_not_as_it_must_be_is_told_before_anything_is_touched(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubernetes = place.environment.kubernetes
    assert kubernetes
    place.target().check()
    elsewhere = kubernetes.model_copy(update={"context": "elsewhere"})
    place.set(kubernetes=elsewhere)
    with pytest.raises(FailedError, match="no context 'elsewhere', but"):
        place.target().check()
    nowhere = kubernetes.model_copy(update={"namespace": "not-there"})
    place.set(kubernetes=nowhere)
    with pytest.raises(FailedError, match="no namespace 'not-there': see deploy/kubernetes/names"):
        place.target().check()
    place.set(kubernetes=kubernetes)
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    with pytest.raises(FailedError, match="does not answer: kubectl says"):
        place.target().check()
    with pytest.raises(FailedError):
        place.target().store.read("lock")


def test_what_somebody_may_not_do_is_told_each(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.environment.kubernetes
    context = place.environment.kubernetes.context
    with api_server(context) as gate:
        monkeypatch.setenv("KUBECONFIG", str(gate.kubeconfig(tmp_path / "config", context)))
        place.target().check()
        gate.denied = {("create", "deployments"), ("delete", "configmaps")}
        with pytest.raises(FailedError) as refusal:
            place.target().check()
    assert [line.partition(" you may not ")[2] for line in str(refusal.value).splitlines()] == [
        "create deployments.apps: have it granted",
        "delete configmaps: have it granted",
    ]
