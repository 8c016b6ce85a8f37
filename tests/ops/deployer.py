"""A person who deploys: a project, signed releases of it, and an environment to deploy them to."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx
from ops.model import Environment
from ops.shell import Shell
from ops.targets import Store, Target
from pipeline.signature import WITHOUT_LOG

from tests.images.publisher import Key
from tests.ops.images import ServiceImages
from tests.ops.users import Users
from tests.project import Done, Project
from tests.registry import digest

TAGS = ("1.0.0", "2.0.0", "crashes", "unready", "errors", "leaks", "dies")


def sign(images: ServiceImages, key: Key, project: Project, tags: tuple[str, ...] = TAGS) -> None:
    """Sign images, and attest that they were built from the project, as `nox -s publish` does."""
    commit = project.must("git", "rev-parse", "HEAD").strip()
    source = f"git+https://github.com/your-organization/{images.name}@refs/tags/v1.0.0"
    statement = {
        "buildDefinition": {
            "buildType": "https://example.org/test",
            "externalParameters": {},
            "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": commit}}],
        },
        "runDetails": {"builder": {"id": "https://example.org/tests"}},
    }
    predicate = key.private.with_name("provenance.json")
    predicate.write_text(json.dumps(statement), encoding="utf-8")
    options = ("--yes", f"--key={key.private}", *WITHOUT_LOG)
    about = ("--type=slsaprovenance1", f"--predicate={predicate}")
    for tag in tags:
        image = f"{images.repository}@{digest(images.repository, tag)}"
        project.must("cosign", "sign", *options, image, COSIGN_PASSWORD=key.password)
        project.must("cosign", "attest", *about, *options, image, COSIGN_PASSWORD=key.password)


def watch(seconds: float, requests: int) -> dict[str, float]:
    """Return a watch that takes nothing for slow that is so because the machine is busy."""
    return {"seconds": seconds, "requests": requests, "latency": 5}


@dataclass
class Deployer:
    """A project, an environment of it, and where its users reach that."""

    project: Project
    images: ServiceImages
    name: str
    """Of the environment."""
    target: str
    tables: dict[str, Any]
    """What environments.toml says of it."""

    def write(self, **keys: Any) -> None:
        """Change keys of the environment."""
        self.tables |= keys
        lines = [f"{json.dumps(key)} = {toml(value)}" for key, value in self.tables.items()]
        self.project.write("deploy/environments.toml", "\n".join([f"[{self.name}]", *lines, ""]))

    @property
    def url(self) -> str:
        """Where its users reach it, once something was deployed."""
        if self.target == "compose":
            return f"http://{self.tables['compose']['publish']}"
        place = self.tables["kubernetes"]
        where = (f"--context={place['context']}", f"--namespace={place['namespace']}")
        ask = ("get", "service", self.images.name, "--output=jsonpath={.spec.clusterIP}")
        return f"http://{self.project.must('kubectl', *where, *ask)}"

    @property
    def store(self) -> Store:
        """What is kept with the target."""
        tables = {"name": self.name, **self.tables}
        with chdir(self.project.path):
            found: Target = import_module(f"ops.targets.{self.target}").connect(
                Environment.model_validate(tables), Shell()
            )
        return found.store

    def inv(self, verb: str, *arguments: str, **variables: str) -> Done:
        """Run a task on the environment, as in an activated environment."""
        inv = self.project.path / ".venv/bin/inv"
        return self.project.run(inv, verb, self.name, *arguments, **variables)

    def must(self, verb: str, *arguments: str, **variables: str) -> str:
        """Run a task that has to succeed; return what it printed."""
        done = self.inv(verb, *arguments, **variables)
        assert done.status == 0, done.out
        return done.out

    def deploy(self, version: str, *arguments: str, **variables: str) -> Done:
        """Deploy a version."""
        return self.inv("deploy", "--version", version, *arguments, **variables)

    def must_deploy(self, version: str, *arguments: str) -> str:
        """Deploy a version that has to be there in the end."""
        done = self.deploy(version, *arguments)
        assert done.status == 0, done.out
        assert self.served() == version
        return done.out

    def served(self) -> str:
        """Return the version that users get, of twenty answers on as many connections."""
        url = self.url
        found = {httpx.get(f"{url}/health").json()["version"] for _ in range(20)}
        assert len(found) == 1, f"several versions serve: {found}"
        return str(found.pop())

    def users(self) -> Users:
        """Return users who notice each request that is lost, as a context."""
        return Users(self.url)

    def history(self) -> list[dict[str, Any]]:
        """Return the ledger's entries, the oldest first."""
        found: list[dict[str, Any]] = json.loads(self.must("history", "--as-json"))
        return found

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Return action, version and phase of each entry."""
        return [(e["action"], e["version"], e["state"]["phase"]) for e in self.history()]

    @contextmanager
    def started(
        self, verb: str, *arguments: str, by_nox: bool = False, **variables: str
    ) -> Iterator["Running"]:
        """Run a task beside; whatever is left of it at the end is killed."""
        tools = self.project.path / ".venv/bin"
        command = [str(tools / "nox"), "-s", verb, "--"] if by_nox else [str(tools / "inv"), verb]
        process = subprocess.Popen(
            [*command, self.name, *arguments],
            cwd=self.project.path,
            env={**self.project.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield Running(self, process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


def toml(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(k)} = {toml(v)}' for k, v in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


@dataclass(frozen=True)
class Running:
    """A task that goes on."""

    deployer: Deployer
    process: subprocess.Popen[str]

    def wait_for(self, phase: str, seconds: float = 120) -> None:
        """Wait until the ledger says that the newest entry is in a phase."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            entries = self.deployer.store.read_all("entry-")
            if entries and json.loads(list(entries.values())[-1].text)["state"]["phase"] == phase:
                return
            assert self.process.poll() is None, self.ended().out
            time.sleep(0.05)
        msg = f"{phase} was not reached in {seconds:.0f} s"
        raise AssertionError(msg)

    def kill(self) -> None:
        """End it, and all that it started, without a chance to say or do anything."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def ended(self, seconds: float = 180) -> Done:
        """Wait until it has ended."""
        out, _ = self.process.communicate(timeout=seconds)
        return Done(self.process.returncode, out)
