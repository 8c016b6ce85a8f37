"""What people wait for, and pay for, where an image is concerned."""

import statistics
import time
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from bench.measure import Measure, seconds
from tests.project import Project
from tests.trivy import write_database

MEGABYTE = 1e6


def images(project: Project, cache: Path) -> list[Measure]:
    """Measure the image of a project, in git and unchanged; `cache` is for Trivy's database."""
    write_database(cache)
    scanning = {"TRIVY_CACHE_DIR": str(cache), "TRIVY_SKIP_DB_UPDATE": "true"}
    certificates = {"UV_SYSTEM_CERTS": "1"}  # of a company's proxy, where there is one
    project = replace(project, environment={**project.environment, **scanning, **certificates})
    project.must("uv", "run", "nox", "-s", "docker")
    warm = seconds(lambda: project.must("uv", "run", "nox", "-s", "docker"))
    image = "slipway-bench"
    rebuild(project, image, -1)
    base, own = sizes(project, image)
    ready = statistics.median(start(project, image) for _ in range(5))
    number = count()
    rebuilt = seconds(lambda: rebuild(project, image, next(number)), repeat=5)
    return [
        Measure("docker session again", warm, "s", 25, "uv run nox -s docker"),
        Measure(
            "image, unpacked",
            base + own,
            "MB",
            160,
            f"{base:.0f} MB of the base image, {own:.0f} MB of our own",
        ),
        Measure(
            "image, from start to ready", ready, "s", 1.5, "docker run to /readyz, median of 5"
        ),
        Measure(
            "image, rebuilt after a change in src/", rebuilt, "s", 3, "docker build, median of 5"
        ),
    ]


def sizes(project: Project, image: str) -> tuple[float, float]:
    """Return the megabytes of the base image, and of what ours adds to it."""
    ask = ("docker", "history", "--human=false", "--no-trunc", "--format={{.Size}}")
    layers = [int(size) / MEGABYTE for size in project.must(*ask, image).split()]
    [line] = [
        line
        for line in (project.path / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.endswith(" AS python")
    ]
    base = sum(int(size) / MEGABYTE for size in project.must(*ask, line.split()[1]).split())
    return base, sum(layers) - base


def start(project: Project, image: str) -> float:
    """Return the seconds from the start of a container until it is ready."""
    begun = time.perf_counter()
    run = ("docker", "run", "--detach", "--rm", "--read-only", "--publish=127.0.0.1::8000", image)
    container = project.must(*run).strip()
    address = project.must("docker", "port", container, "8000").strip()
    while True:
        connection = HTTPConnection(address, timeout=1)
        with suppress(OSError, HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == HTTPStatus.OK:
                break
        time.sleep(0.01)
    connection.close()
    ready = time.perf_counter() - begun
    project.must("docker", "kill", container)
    return ready


def rebuild(project: Project, image: str, number: int) -> None:
    """Change the source and build the image again."""
    project.write("src/my_service/changed.py", f"NUMBER = {number}\n")
    build = ("docker", "buildx", "build", "--quiet", "--load", f"--tag={image}")
    project.must(*build, "--build-arg=UV_SYSTEM_CERTS", ".")
