"""A machine that has only Python, pip and git, and somebody on it who is not root."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCKERFILE = Path(__file__).with_name("Dockerfile")
IMAGE = "slipway-newcomer"
HOME = "https://github.com/slipway-template/slipway.git"


@dataclass(frozen=True)
class Machine:
    """A running container."""

    container: str

    def run(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Paste into a shell there."""
        return subprocess.run(
            ["docker", "exec", self.container, "bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def must(self, script: str) -> str:
        """Paste what has to succeed; return what it printed."""
        done = self.run(f"set -e\n{script}")
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def machine(engine: str, template: Path) -> Iterator[Machine]:
    """A new machine each; the public address of this repository leads to the working tree."""
    build = [engine, "build", "--quiet", "--network=host", "--tag", IMAGE]
    subprocess.run([*build, "--file", DOCKERFILE, DOCKERFILE.parent], check=True)
    run = [engine, "run", "--detach", "--rm", "--init", "--network=host"]
    # Certificates are the machine's own, as behind a company's proxy.
    run += ["--env", "UV_SYSTEM_CERTS=1", IMAGE, "sleep", "3600"]
    container = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    machine = Machine(container)
    bundle = ["git", "bundle", "create", "--quiet", "-", "main", "HEAD"]
    repository = subprocess.run(bundle, cwd=template, check=True, capture_output=True).stdout
    copy = [engine, "exec", "--interactive", container, "sh", "-c", "cat > ~/slipway.bundle"]
    subprocess.run(copy, input=repository, check=True)
    machine.must(f'git config --global url."$HOME/slipway.bundle".insteadOf {HOME}')
    yield machine
    subprocess.run([engine, "kill", container], check=True, capture_output=True)
