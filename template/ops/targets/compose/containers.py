"""The containers of the service, as the engine tells of them."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ops.model import Release

PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Container:
    """A container of the service."""

    id: str
    """The short one, by which the proxy finds its address."""
    name: str
    slot: str
    release: int
    manifest: str
    """What it was made from; slot-neutral."""
    state: str
    """One of created, running, paused, restarting, removing, exited and dead."""
    health: str
    """One of starting, healthy and unhealthy; empty where the image has no health check."""
    said: str
    """What its last health check printed."""
    restarts: int
    status: int
    """The exit status; 0 while it runs."""
    oom: bool
    began: str
    """When it started last, in RFC 3339."""
    address: str

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self.state == "running" and self.health == "healthy"

    @property
    def up(self) -> bool:
        """Whether it runs, or is to: what was stopped on purpose is not restarted."""
        return self.state in {"running", "restarting", "paused"}

    def trouble(self, *, strict: bool) -> str:
        """Say why waiting will not make it ready; nothing if it may.

        Args:
            strict: whether a single restart, or failing its health check for long, is too much:
                what has served before may be as slow as a host that starts two releases.
        """
        if self.restarts and (strict or not self.ready):
            status = f" with status {self.status}" if self.status else ""
            why = " for want of memory" if self.oom else status
            return f"{self.name} ended{why}, and was started again"
        if self.state in {"exited", "dead", "removing", "paused"}:
            return f"{self.name} is {self.state}"
        if self.state == "running" and not self.health:
            return f"{self.name} has no health check: its image needs a HEALTHCHECK"
        if self.health == "unhealthy" and strict:
            return f"{self.name} is unhealthy: {self.said or 'its health check says nothing'}"
        return ""


def ready(release: Release, slot: str, number: int) -> Container:
    """Return a container as it would be, once it was started."""
    name = f"{slot}-{number + 1}"
    return Container(
        id=name,
        name=name,
        slot=slot,
        release=release.number,
        manifest=release.manifest,
        state="running",
        health="healthy",
        said="",
        restarts=0,
        status=0,
        oom=False,
        began="",
        address="",
    )


def of_release(containers: Iterable[Container], release: Release | None) -> Sequence[Container]:
    """Return those of a release, what serves first."""
    found = [each for each in containers if release and each.release == release.number]
    return sorted(found, key=lambda each: (not each.ready, not each.up, each.name))


def parse(inspected: str, name: str) -> Sequence[Container]:
    """Return the service's containers out of what `docker inspect` printed.

    Args:
        inspected: the JSON.
        name: what the compose projects of the slots are called before their slot.
    """
    return [_parse(each, name) for each in json.loads(inspected) if _is_service(each)]


def _is_service(container: dict[str, Any]) -> bool:
    labels = container["Config"]["Labels"]
    is_once = labels.get("com.docker.compose.oneoff") == "True"
    return labels.get("com.docker.compose.service") == "app" and not is_once


def _parse(container: dict[str, Any], name: str) -> Container:
    labels, state = container["Config"]["Labels"], container["State"]
    health = state.get("Health") or {"Status": "", "Log": []}
    said = (health["Log"] or [{"Output": ""}])[-1]["Output"].strip().splitlines()
    network = (container["NetworkSettings"]["Networks"] or {}).get(name) or {}
    release = labels.get("release", "")
    return Container(
        id=container["Id"][:12],
        name=container["Name"].removeprefix("/"),
        slot=labels[PROJECT].removeprefix(f"{name}-"),
        release=int(release) if re.fullmatch(r"\d+", release) else 0,
        manifest=labels.get("manifest", ""),
        state=state["Status"],
        health=health["Status"],
        said=said[-1] if said else "",
        restarts=container["RestartCount"],
        status=state["ExitCode"],
        oom=state["OOMKilled"],
        began=state["StartedAt"],
        address=network.get("IPAddress", ""),
    )
