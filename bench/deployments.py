"""What people wait for who deploy, and who roll back."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from bench.measure import Measure, seconds
from tests.images.publisher import Key
from tests.ops.cluster import kubectl, namespace, write_overlay
from tests.ops.deployer import Deployer, sign, watch
from tests.ops.images import ServiceImages
from tests.project import Project
from tests.trivy import write_database

NAME = "my-service"
REPLICAS = 2
WATCH = watch(5, 40)


def deployments(project: Project, registry: str, folder: Path) -> list[Measure]:
    """Measure a new project that deploys to Kubernetes, on the cluster of the current context.

    What it needs beside the project is written to a folder.
    """
    write_database(folder)
    own = {"TRIVY_CACHE_DIR": str(folder), "TRIVY_SKIP_DB_UPDATE": "true", "UV_SYSTEM_CERTS": "1"}
    project = replace(project, environment={**project.environment, **own})
    project.must("uv", "sync", "--quiet")
    listing = seconds(lambda: project.must(".venv/bin/inv", "--list"), repeat=5)
    releases = ServiceImages(project, NAME, f"{registry}/slipway-test/bench-{uuid4().hex[:8]}")
    key = Key.make(folder)
    project.write("cosign.pub", key.public.read_text(encoding="utf-8"))
    context = kubectl("config", "current-context")
    with namespace(context) as place:  # the node keeps the images for as long as its pods end
        write_overlay(project.path, NAME, "bench")
        tables = {
            "replicas": REPLICAS,
            "warm": True,
            "smoke": [{"path": "/readyz"}, {"path": "/v1/notes"}],
            "watch": WATCH,
            "target": "kubernetes",
            "kubernetes": {"context": context, "namespace": place},
        }
        deployer = Deployer(project, releases, "bench", "kubernetes", tables)
        deployer.write()
        releases.build()
        sign(releases, key, project, ("1.0.0", "2.0.0"))
        for version in ("2.0.0", "1.0.0"):  # so that both images are on the nodes
            deployer.must_deploy(version)
        took = seconds(lambda: deployer.must_deploy("2.0.0"))
        back = seconds(lambda: deployer.must("rollback"))
    what = f"{REPLICAS} replicas on Kubernetes, the image is there"
    watched = f"{what}: {took:.1f} s, of which {WATCH['seconds']} s are the watch"
    return [
        Measure("inv --list", listing, "s", 0.5, "median of 5, in the environment"),
        Measure(
            "inv deploy, rolling, but for the watch", took - WATCH["seconds"], "s", 20, watched
        ),
        Measure("inv rollback, to what is warm", back, "s", 10, what),
    ]
