"""The workflow that deploys, run as it stands: what a release starts, and what a person does."""

import socket
from pathlib import Path

import httpx
import pytest

from tests.images.containers import docker
from tests.parity.shipping import Shipping

pytestmark = pytest.mark.e2e

RELEASE = ".github/workflows/release.yml"
DEPLOY = ".github/workflows/deploy.yml"
ONE_LEG = "--matrix=session:lint"  # the others have a story of their own
ENVIRONMENTS = """\
[development]
target = "compose"
takes = "main"
compose = {{ host = "ssh://nobody@nowhere.invalid" }}

[staging]
target = "compose"
takes = "pre-releases"

[production]
target = "compose"
takes = "releases"
strategy = "blue-green"
replicas = 1
confirm = true
smoke = [{{ path = "/v1/notes" }}]
watch = {{ seconds = 3, requests = 20 }}
compose = {{ publish = "127.0.0.1:{port}", directory = "{folder}" }}
"""


def inputs(**values: str) -> list[str]:
    """Return what somebody types into the form."""
    return [f"--input={name}={value}" for name, value in values.items()]


@pytest.mark.parametrize("publisher", [{"deploy": "[compose]"}], indirect=True)
def test_a_release_starts_its_deployment_and_a_person_takes_it_back(
    shipping: Shipping, tmp_path: Path
) -> None:
    publisher, releaser, host = shipping.publisher, shipping.releaser, shipping.releaser.host
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    text = ENVIRONMENTS.format(port=port, folder=tmp_path / "host")
    publisher.project.write("deploy/environments.toml", text)
    publisher.release("1.0.0")
    releaser.commit("fix: answer politely")
    releaser.project.must("git", "push", "--quiet", "--tags", "origin")

    run = shipping.run("push", RELEASE, ONE_LEG)

    assert run.status == 0, run.out
    assert run.job("deploy").passed
    asked = [(each["ref"], each["inputs"]) for each in host.dispatched]
    assert asked == [
        (
            "main",
            {"verb": "deploy", "environment": "development", "version": asked[0][1]["version"]},
        ),
        ("v1.0.1", {"verb": "deploy", "environment": "production", "version": "1.0.1"}),
    ]
    assert asked[0][1]["version"].startswith("main-")

    def served() -> str:
        return str(httpx.get(f"http://127.0.0.1:{port}/health").json()["version"])

    name = "my-service-production"
    try:
        releaser.project.must("git", "fetch", "--quiet", "--tags", "origin")
        releaser.project.must("git", "checkout", "--quiet", "v1.0.1")
        run = shipping.run("workflow_dispatch", DEPLOY, *inputs(**asked[1][1]))
        assert run.status == 0, run.out
        assert served() == "1.0.1"
        told = run.job("deploy").summary
        assert "production serves 1.0.1: deployed in " in told
        assert "| watching " in told

        # Nothing served before, so there is nothing to go back to, and nothing is touched.
        back = inputs(verb="rollback", environment="production", version="")
        run = shipping.run("workflow_dispatch", DEPLOY, *back)
        assert run.status == 1
        assert "nothing else has served production yet" in run.out
        assert served() == "1.0.1"
    finally:
        for what in ("blue", "green", "proxy"):
            docker("compose", f"--project-name={name}-{what}", "down", "--timeout=1")
        if docker("network", "ls", "--quiet", f"--filter=name=^{name}$"):
            docker("network", "rm", name)
