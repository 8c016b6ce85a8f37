"""What people wait for who deploy, and who roll back."""

import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from uuid import uuid4

from ops.model import BACK, Environment, Release, Rollout
from ops.shell import Shell
from ops.targets import Target
from ops.targets.kubernetes import connect

from bench.measure import Measure, seconds
from tests.ops.cluster import kubectl, write_overlay
from tests.project import Project
from tests.registry import digest

REPLICAS = 2


def deployments(project: Project, registry: str) -> list[Measure]:
    """Measure a project that deploys to Kubernetes, on the cluster of the current context."""
    project.must("uv", "sync", "--quiet")
    listing = seconds(lambda: project.must(".venv/bin/inv", "--list"), repeat=5)
    measures = [Measure("inv --list", listing, "s", 0.5, "median of 5, in the environment")]
    image = f"{registry}/slipway-test/bench-{uuid4().hex[:8]}"
    build = ("docker", "buildx", "build", "--quiet", "--load", f"--tag={image}:1")
    project.must(*build, "--build-arg=UV_SYSTEM_CERTS", ".", UV_SYSTEM_CERTS="1")
    project.must("docker", "push", "--quiet", f"{image}:1")
    image = f"{image}@{digest(image, '1')}"
    with namespace() as place, chdir(project.path):
        write_overlay(project.path, "my-service", "bench")
        keys = {"name": "bench", "target": "kubernetes", "replicas": REPLICAS, "kubernetes": place}
        environment = Environment.model_validate(keys)
        target = connect(environment, Shell())
        manifest = target.render(image)
        one, two = (Release(number, str(number), image, manifest) for number in (1, 2))
        deploy(target, Rollout(one, None, environment.plan()))
        took = deploy(target, Rollout(two, one, environment.plan()))
        back = deploy(target, Rollout(one, two, BACK))
    what = f"{REPLICAS} replicas on Kubernetes, the image is there"
    return [
        *measures,
        Measure("a rolling deployment, but for its gates", took, "s", 20, what),
        Measure("a rollback to what does not run any more", back, "s", 10, what),
    ]


@contextmanager
def namespace() -> Iterator[dict[str, str | bool]]:
    """Return the table of a namespace that is there for as long as the context lasts."""
    name = f"slipway-bench-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    try:
        yield {
            "context": kubectl("config", "current-context"),
            "namespace": name,
            "direct": True,
        }
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def deploy(target: Target, rollout: Rollout) -> float:
    """Bring a release to all of the traffic; return the seconds until it has that."""
    began = time.monotonic()
    target.begin(rollout)
    for stop in range(len(rollout.strategy.shares)):
        rollout = replace(rollout, stop=stop)
        if stop:
            target.promote(rollout)
        while not target.observe(rollout).settled:
            time.sleep(0.2)
    took = time.monotonic() - began
    target.finish(rollout)
    return took
