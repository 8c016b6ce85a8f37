"""What deployments are tried with."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.images.containers import docker, left_of
from tests.images.publisher import Key
from tests.needed import need
from tests.ops.cluster import kubectl, namespace, write_overlay
from tests.ops.deployer import Deployer, sign, watch
from tests.ops.images import ServiceImages, service_images
from tests.project import Project, put_back

__all__ = ["service_images"]

MakeDeployer = Callable[..., Deployer]
QUICK = {
    "replicas": 2,
    "deadline": 60,
    "lease": 6,
    "smoke": [{"path": "/readyz"}, {"path": "/v1/notes"}],
    "watch": watch(4, 40),
}


@pytest.fixture(scope="session")
def cluster() -> str:
    """The kubeconfig's current context, if its cluster answers."""
    try:
        ask = ["kubectl", "--request-timeout=5s", "get", "--raw=/readyz"]
        found = subprocess.run(ask, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        found = False
    need(found, "cluster answers `kubectl get --raw=/readyz`")
    return kubectl("config", "current-context")


@pytest.fixture(name="namespace")
def own_namespace(cluster: str) -> Iterator[str]:
    """Return a namespace of the cluster that nobody else has."""
    with namespace(cluster) as name:
        yield name


@pytest.fixture(scope="session")
def desk(
    service_images: ServiceImages,
    key: Key,
    trivy_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """A clone of the service's project, with what deploying it needs; its releases are signed."""
    environment = {
        **service_images.project.environment,
        "TRIVY_CACHE_DIR": str(trivy_cache),
        "TRIVY_SKIP_DB_UPDATE": "true",
    }
    project = Project(tmp_path_factory.mktemp("desk") / "my service", environment)
    shutil.copytree(service_images.project.path, project.path)
    project.must("git", "config", "user.name", "Ada")
    project.write("cosign.pub", key.public.read_text(encoding="utf-8"))
    project.commit("feat: trust a key")
    project.must("uv", "sync", "--quiet")
    sign(service_images, key, project)
    return project


@pytest.fixture
def make_deployer(
    desk: Project, service_images: ServiceImages, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[MakeDeployer]:
    """Return a function from a target to an environment of one's own, with nothing deployed."""
    made: list[Deployer] = []

    def make(target: str = "compose", **keys: object) -> Deployer:
        name = f"e{uuid4().hex[:8]}"
        place: dict[str, object]
        if target == "compose":
            with socket.create_server(("127.0.0.1", 0)) as door:
                port = door.getsockname()[1]
            place = {"publish": f"127.0.0.1:{port}", "directory": str(tmp_path / f"at {name}")}
        else:
            place = {
                "context": request.getfixturevalue("cluster"),
                "namespace": request.getfixturevalue("namespace"),
            }
            write_overlay(desk.path, service_images.name, name)
        tables = {"target": target, **QUICK, target: place, **keys}
        deployer = Deployer(desk, service_images, name, target, tables)
        deployer.write()
        made.append(deployer)
        return deployer

    with put_back(desk):
        yield make
    for deployer in made:
        system = f"{service_images.name}-{deployer.name}"
        for what in ("blue", "green", "proxy", "once"):
            docker("compose", f"--project-name={system}-{what}", "down", "--timeout=1")
        if docker("network", "ls", "--quiet", f"--filter=name=^{system}$"):
            docker("network", "rm", system)
        assert left_of(system) == []
