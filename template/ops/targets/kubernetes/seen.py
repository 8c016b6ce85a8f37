"""What there is of a service in a namespace, and what it means: nothing here asks a cluster."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.model import WHOLE, Kind, Release, Rollout
from ops.targets import SLOTS

NOWHERE = "none"
"""Where the traffic goes while a first release is tried: the slot that nobody is in."""
SHARED = ""
"""Where it goes while a canary has a share: to both slots."""
HOPELESS = {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
"""Why a container waits for what does not come."""
LATE = "it has got no nearer to being ready for too long"
"""The reason where Kubernetes gave up, and its pods may know more."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Slot:
    """A Deployment, and its pods."""

    deployment: Object
    pods: Sequence[Object]

    @property
    def release(self) -> int:
        """The number of the release that is in it; 0 if nobody said."""
        return release_of(self.deployment)

    @property
    def replicas(self) -> int:
        """How many pods it is to have."""
        return int(self.deployment["spec"]["replicas"])

    @property
    def own(self) -> Sequence[Object]:
        """The pods of that release, without any that are on their way out."""
        stay = (pod for pod in self.pods if "deletionTimestamp" not in pod["metadata"])
        return [pod for pod in stay if release_of(pod) == self.release]

    @property
    def ready(self) -> int:
        """How many pods of the release are ready."""
        return sum(map(is_ready, self.own))

    def is_whole(self, replicas: int) -> bool:
        """Whether it has so many pods, all of this release, and ready for long enough."""
        status = self.deployment["status"]
        if status.get("observedGeneration", 0) < self.deployment["metadata"]["generation"]:
            return False
        keys = ("replicas", "updatedReplicas", "availableReplicas")
        return {self.replicas, *(status.get(key, 0) for key in keys)} == {replicas}

    def trouble(self, *, strict: bool, patience: float) -> str:
        """Return why waiting for it will not help, or nothing; see `hopeless`."""
        for pod in self.own:
            if found := hopeless(pod, strict=strict, patience=patience):
                return found
        given = self.deployment["status"].get("conditions", ())
        conditions = {each["type"]: each for each in given}
        refused = conditions.get("ReplicaFailure", {})
        if refused.get("status") == "True":
            return f"no pod can be made: {refused['message']}"
        progressing = conditions.get("Progressing", {})
        if progressing.get("reason") == "ProgressDeadlineExceeded":
            return LATE
        return ""


@dataclass(frozen=True)
class Seen:
    """What there is of the service."""

    slots: Mapping[str, Slot]
    live: str | None
    """The slot that keeps the traffic; none before the first release."""
    route: str
    """The slot that the traffic goes to, SHARED or NOWHERE."""

    @classmethod
    def of(cls, items: Sequence[Object], name: str) -> "Seen":
        """Return what Deployments, Services and Pods with the label of that name tell."""
        # What a node evicted stays to be read, and another has taken its place.
        pods = [each for each in items if each["kind"] == "Pod" and not _is_over(each)]
        named = {(each["kind"], each["metadata"]["name"]): each for each in items}
        slots = {
            slot: Slot(found, [pod for pod in pods if _label(pod, "slot") == slot])
            for slot in SLOTS
            if (found := named.get(("Deployment", f"{name}-{slot}")))
        }
        service = named.get(("Service", name))
        if service is None:
            return cls(slots, None, NOWHERE)
        live = service["metadata"].get("annotations", {}).get("live")
        return cls(slots, live, service["spec"]["selector"].get("slot", SHARED))

    def to(self, rollout: Rollout) -> str:
        """Return the slot that a rollout's release is in, or is to go into."""
        live = self.live or SLOTS[0]
        if rollout.strategy.kind is Kind.ROLLING and rollout.previous:
            return live if rollout.stop else other(live)  # tried beside, then in place
        return self._slot_of(rollout.release) or (other(live) if self.live else live)

    def back(self, rollout: Rollout) -> str:
        """Return the slot that the release before is in, or was."""
        there = self._slot_of(rollout.previous) if rollout.previous else None
        return there or self.live or SLOTS[0]

    def _slot_of(self, release: Release) -> str | None:
        """Return the slot of a release; one that was rolling was tried in the other, too."""
        found = [name for name, slot in self.slots.items() if slot.release == release.number]
        return self.live if self.live in found else next(iter(found), None)

    def stranger(self, rollout: Rollout) -> int:
        """Return the number of a release that serves, though this is called the first; or 0."""
        slot = self.slots.get(self.live or "")
        if rollout.previous or slot is None or slot.release == rollout.release.number:
            return 0
        return slot.release

    def route_for(self, rollout: Rollout) -> str:
        """Return where the traffic is to go at the rollout's stop."""
        if not rollout.share:
            return (rollout.previous and self.live) or NOWHERE
        is_shared = rollout.share != WHOLE and rollout.previous
        return SHARED if is_shared else self.to(rollout)

    def served(self) -> Sequence[Object]:
        """Return the ready pods that get the traffic."""
        slots = [slot for name, slot in self.slots.items() if self.route in {name, SHARED}]
        return [pod for slot in slots for pod in slot.pods if is_ready(pod)]

    def share(self, number: int) -> int:
        """Return the per cent of the traffic that a release gets: its part of the ready pods."""
        served = [release_of(pod) for pod in self.served()]
        return round(WHOLE * served.count(number) / len(served)) if served else 0


def replicas_for(rollout: Rollout, whole: int) -> int:
    """Return how many instances a release has at its stop: a canary, beside all of the old."""
    share = rollout.share
    if rollout.strategy.kind is Kind.ROLLING and not share:
        return 1
    if rollout.strategy.kind is not Kind.CANARY or share == WHOLE or not rollout.previous:
        return whole
    return max(1, math.ceil(whole * share / (WHOLE - share)))


def whole_slot(slot: str, release: int, replicas: int) -> Slot:
    """Return a slot as it would be, once so many pods of a release were ready in it."""
    labels = {"slot": slot, "release": str(release)}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pods = [
        {"metadata": {"name": f"{slot}-{number}", "labels": labels}, "status": ready}
        for number in range(replicas)
    ]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
    metadata = {"labels": labels, "generation": 1}
    spec, status = {"replicas": replicas}, {"observedGeneration": 1, **counts}
    return Slot({"metadata": metadata, "spec": spec, "status": status}, pods)


def other(slot: str) -> str:
    """Return the other slot."""
    return SLOTS[1 - SLOTS.index(slot)]


def release_of(found: Object) -> int:
    """Return the number of the release that an object is of; 0 if nobody said."""
    return int(_label(found, "release") or 0)


def is_ready(pod: Object) -> bool:
    """Whether it is ready, and not on its way out."""
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def restarts(pod: Object) -> int:
    """Return how often its containers were started again."""
    return sum(each["restartCount"] for each in _containers(pod))


def hopeless(pod: Object, *, strict: bool, patience: float = math.inf) -> str:
    """Return why a pod will not serve, however long one waits; or nothing.

    Args:
        pod: as Kubernetes describes it.
        strict: whether one end of a container is enough, as for a release that is on trial.
        patience: seconds for which it may find no node, as where one has to be started first.
    """
    name = pod["metadata"]["name"]
    for container in _containers(pod):
        waiting = container["state"].get("waiting", {})
        why, last = waiting.get("reason", ""), container.get("lastState", {})
        crash = container["state"].get("terminated") or last.get("terminated")
        ended = crash and (crash["exitCode"] or container["restartCount"])
        if crash and ended and (strict or why == "CrashLoopBackOff"):
            status = f"status {crash['exitCode']} ({crash.get('reason', 'Error')})"
            said = words(crash.get("message", "")) or "it said nothing"
            return f"{container['name']} of pod {name} ended with {status}: {said}"
        if why in HOPELESS:
            said = words(waiting.get("message", ""))
            return f"{container['name']} of pod {name} cannot start: {why}: {said}"
    for each in pod["status"].get("conditions", ()):
        if each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable":
            since = datetime.now(UTC) - datetime.fromisoformat(each["lastTransitionTime"])
            if since.total_seconds() > patience:
                return f"pod {name} finds no node: {each['message']}"
    return ""


def words(text: str) -> str:
    """Return the last words of a text, in one line."""
    return " / ".join(line.strip() for line in text.strip().splitlines()[-3:])[-500:]


def _containers(pod: Object) -> Sequence[Object]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _is_over(pod: Object) -> bool:
    return pod["status"].get("phase") in {"Failed", "Succeeded"}


def _label(found: Object, name: str) -> str | None:
    value: str | None = found["metadata"].get("labels", {}).get(name)
    return value
