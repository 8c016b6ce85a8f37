"""The releases that deployments are tried with are what their names say."""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import httpx
import pytest

from tests.images.containers import docker
from tests.ops.images import ServiceImages

pytestmark = pytest.mark.e2e


def engine_says(*arguments: str) -> tuple[int, str]:
    """Return the status and the words of a command of the engine."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Return whether it comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if true():
                return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("which", "ready", "statuses"),
    [
        ("good", 200, {200: 100}),
        ("newer", 200, {200: 100}),
        ("unready", 503, {200: 100}),
        ("errors", 200, {500: 100}),
        ("leaks", 200, {200: 98, 500: 2}),
    ],
)
def test_a_release_answers_as_its_name_says(
    service_images: ServiceImages, which: str, ready: int, statuses: dict[int, int]
) -> None:
    name = f"{service_images.name}-{uuid4().hex[:6]}"
    docker("run", "--detach", "--rm", f"--name={name}", getattr(service_images, which))
    try:
        ask = "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        with httpx.Client(base_url=f"http://{docker('inspect', ask, name)}:8000") as client:
            assert eventually(lambda: client.get("/livez").status_code == 200)
            assert client.get("/readyz").status_code == ready
            version = "1.0.0" if which == "good" else "2.0.0"
            assert client.get("/health").json()["version"] == version
            seen = [client.get("/v1/notes").status_code for _ in range(100)]
            assert {status: seen.count(status) for status in seen} == statuses
    finally:
        docker("rm", "--force", name)


@pytest.mark.parametrize(("which", "status"), [("crashes", 1), ("dies", 9)])
def test_a_release_ends_as_its_name_says(
    service_images: ServiceImages, which: str, status: int
) -> None:
    name = f"{service_images.name}-{uuid4().hex[:6]}"
    docker("run", "--detach", f"--name={name}", getattr(service_images, which))
    try:
        if which == "dies":
            probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"
            assert eventually(lambda: engine_says("exec", name, "python", "-c", probe)[0] == 0)
        assert docker("wait", name) == str(status)
        assert "this release" in engine_says("logs", name)[1]
    finally:
        docker("rm", "--force", name)
