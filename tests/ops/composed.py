"""An environment on this machine's engine, and a person who drives its target by hand."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from ops.model import BACK, Environment, Kind, Progress, Release, Rollout, Strategy
from ops.shell import Shell
from ops.targets import Target
from ops.targets.compose import connect

from tests.images.containers import docker

ROLLING = Strategy(Kind.ROLLING, (0, 100))
BLUE_GREEN = Strategy(Kind.BLUE_GREEN, (0, 100))
CANARY = Strategy(Kind.CANARY, (0, 10, 50, 100))


@dataclass
class Place:
    """An environment, and what was released to it."""

    environment: Environment
    name: str
    """What everything of it on the engine is called."""
    url: str
    """The way of users."""
    folder: Path
    """Where its files are on the host."""
    shell: Shell = field(default_factory=Shell)
    number: int = 0

    @property
    def target(self) -> Target:
        """The target, as another process would find it."""
        return connect(self.environment, self.shell)

    def set(self, **changes: object) -> None:
        """Change the environment."""
        tables = self.environment.model_dump() | changes
        tables.pop("kubernetes", None)
        self.environment = Environment.model_validate(tables)

    def release(self, image: str) -> Release:
        """Return a release of an image, with the next number."""
        self.number += 1
        return Release(self.number, str(self.number), image, self.target.render(image))

    def settle(self, rollout: Rollout, *, seconds: float = 60) -> Progress:
        """Wait until it is as its stop wants it, or has failed."""
        return _until(lambda: self.target.observe(rollout), seconds)

    def deploy(self, rollout: Rollout) -> float:
        """Bring a release to all of the traffic; return the seconds."""
        began = time.monotonic()
        self.target.begin(rollout)
        for stop in range(len(rollout.strategy.shares)):
            at = replace(rollout, stop=stop)
            if stop:
                self.target.promote(at)
            progress = self.settle(at)
            assert progress.settled, progress
            assert progress.share == at.share
        ended = time.monotonic()
        self.target.finish(at)
        return ended - began

    def go_back(self, rollout: Rollout) -> Progress:
        """Abort, and wait until the previous release is restored."""
        self.target.abort(rollout)
        return _until(lambda: self.target.restored(rollout))

    def roll_back(self, to: Release, live: Release) -> float:
        """Serve an earlier release again; return the seconds until it has all of the traffic."""
        return self.deploy(Rollout(to, live, BACK))

    def versions(self, count: int = 300) -> Counter[str]:
        """Return the versions that users are served by, as counts of so many answers."""
        with httpx.Client(base_url=self.url, timeout=10) as client:
            return Counter(client.get("/health").json()["version"] for _ in range(count))

    def running(self) -> dict[str, int]:
        """Return how many instances of each slot run."""
        counts = Counter[str]()
        for slot in ("blue", "green"):
            ask = f"--filter=label=com.docker.compose.project={self.name}-{slot}"
            counts[slot] = len(docker("ps", "--quiet", ask).split())
        return dict(+counts)

    def containers(self, slot: str) -> list[str]:
        """Return the ids of what there is of a slot or the proxy, stopped or not."""
        ask = f"--filter=label=com.docker.compose.project={self.name}-{slot}"
        return docker("ps", "--all", "--quiet", ask).split()

    def settings_of(self, container: str) -> dict[str, str]:
        """Return the environment variables of a container."""
        lines = json.loads(docker("inspect", "--format={{json .Config.Env}}", container))
        return dict(line.split("=", 1) for line in lines)


def _until(look: Callable[[], Progress], seconds: float = 60) -> Progress:
    end = time.monotonic() + seconds
    while True:
        progress = look()
        if progress.settled or progress.failed or time.monotonic() > end:
            return progress
        time.sleep(0.2)
