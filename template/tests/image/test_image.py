"""What an image of the service must be, asked of the engine: `nox -s docker` names it in IMAGE."""

import json
import os
import subprocess
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

MANIFEST = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
IMAGE = os.environ.get("IMAGE", MANIFEST["project"]["name"])
# As hard as a platform may make it: nothing can be written, and root's rights are gone.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
NEEDED = MANIFEST["tool"]["image"].get("environment", {})
PROGRAMS = ("pip", "uv", "cc", "gcc", "make", "git", "curl", "wget")
PACKAGES = {"debugpy", "mypy", "nox", "pip", "pytest", "ruff", "setuptools", "uv", "watchfiles"}


def docker(*arguments: str) -> str:
    """Return what a command of the engine prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inside(script: str) -> list[str]:
    """Return the words that a Python script prints in a new container of the image."""
    return docker("run", "--rm", *HARDENED, IMAGE, "python", "-c", script).split()


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """What the image says of itself."""
    return dict(json.loads(docker("image", "inspect", "--format={{json .Config}}", IMAGE)))


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A running container of the image."""
    needed = [f"--env={name}={value}" for name, value in NEEDED.items()]
    project = f"image-test-{uuid4().hex}"
    compose = ("compose", "--file=compose.yaml", f"--project-name={project}")
    try:
        yield docker(*compose, "run", "--detach", "--publish=127.0.0.1::8000", *needed, "app")
    finally:
        docker(*compose, "down", "--remove-orphans", "--timeout=1", "--volumes")


def health(container: str) -> str:
    """Return the engine's opinion, once it has one."""
    for _ in range(240):
        state = docker("inspect", "--format={{.State.Health.Status}}", container)
        if state != "starting":
            return state
        time.sleep(0.25)
    return "starting"


def test_it_becomes_healthy_and_answers(container: str) -> None:
    assert health(container) == "healthy", docker("logs", container)
    address = docker("port", container, "8000")
    with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
        assert json.load(answer) == {"status": "ok"}


def test_it_is_not_root_and_owns_nothing(config: dict[str, Any]) -> None:
    user = config.get("User", "").split(":")[0]
    assert user.isdigit(), f"USER must be a number, not {user or 'root'}"
    assert int(user) > 0, "USER must not be root"
    found = inside(
        "import os; print(os.getuid())\n"
        "for path, _, _ in os.walk('/app'):\n"
        "    if os.access(path, os.W_OK): print(path)\n"
    )
    assert found == [user], "it could write here, were its root not read-only"


def test_it_says_where_it_comes_from(config: dict[str, Any]) -> None:
    labels = config["Labels"]
    known = MANIFEST["project"]
    assert labels["org.opencontainers.image.title"] == known["name"]
    assert labels["org.opencontainers.image.description"] == known["description"]
    assert labels["org.opencontainers.image.licenses"] == known["license"]
    assert labels["org.opencontainers.image.source"] == known["urls"]["Repository"]
    assert labels["org.opencontainers.image.version"].startswith(known["version"])
    assert labels["org.opencontainers.image.created"]
    assert "org.opencontainers.image.revision" in labels


def test_nothing_is_inside_that_the_service_does_not_need() -> None:
    script = f"import shutil; print(*filter(shutil.which, {PROGRAMS}))"
    assert inside(script) == [], "a tool of builders and intruders is in the image"
    script = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    installed = set(inside(script))
    assert MANIFEST["project"]["name"] in installed
    assert installed & PACKAGES == set(), "a tool of developers is in the image"


def test_no_secret_is_in_its_settings_or_its_history(config: dict[str, Any]) -> None:
    history = docker("history", "--no-trunc", "--format={{.CreatedBy}}", IMAGE)
    seen = " ".join([*config["Env"], history]).upper()
    # Not `assert name not in seen`: a failure would print what is there.
    found = [name for name in ("PASSWORD", "SECRET", "TOKEN", "PRIVATE_KEY") if name in seen]
    assert found == [], "who has the image has what ENV and ARG were given"


def test_it_stops_cleanly_and_soon(container: str) -> None:
    health(container)
    begun = time.monotonic()
    docker("stop", "--timeout=10", container)
    assert time.monotonic() - begun < 5, "SIGTERM does not end it"
    assert docker("inspect", "--format={{.State.ExitCode}}", container) == "0"


def test_it_is_no_larger_than_its_budget() -> None:
    lines = docker(
        "history", "--human=false", "--no-trunc", "--format={{.Size}} {{.CreatedBy}}", IMAGE
    )
    layers = [line.split(maxsplit=1) for line in lines.splitlines()]
    sizes = sorted(((int(size) / 1e6, made) for size, made in layers), reverse=True)
    budget = MANIFEST["tool"]["image"]["megabytes"]
    whole = sum(size for size, _ in sizes)
    largest = "\n".join(f"{size:6.1f} MB  {made[:100]}" for size, made in sizes[:3])
    assert whole <= budget, (
        f"{whole:.1f} MB unpacked, {budget} MB allowed by [tool.image] in pyproject.toml. "
        f"The three largest layers:\n{largest}"
    )
