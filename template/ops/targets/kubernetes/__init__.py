"""A namespace of a Kubernetes cluster, spoken to by kubectl.

There are two Deployments, NAME-blue and NAME-green, and a Service whose selector says where the
traffic goes: to the pods of one slot, or, while a canary has a share, to those of both. An
annotation of the Service says which slot is live: the one that serves, until `finish` moves it.
A release that is rolling takes the live slot's place; any other goes into the other slot. Which
release is in a slot, the label `release` of its Deployment says.
"""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import yaml

from ops import model
from ops.model import ENVIRONMENTS, Environment, Instance, Kind, Progress, Release, Rollout
from ops.shell import Shell
from ops.targets import SLOTS
from ops.targets.kubernetes.forward import reached
from ops.targets.kubernetes.manifest import (
    Object,
    identity,
    in_slot,
    listed,
    parsed,
    pick,
    referred,
    task,
)
from ops.targets.kubernetes.rights import denied
from ops.targets.kubernetes.seen import (
    LATE,
    Seen,
    Slot,
    hopeless,
    is_ready,
    other,
    release_of,
    replicas_for,
    restarts,
    whole_slot,
    words,
)
from ops.targets.kubernetes.store import Store
from pipeline.image import project
from pipeline.shell import FailedError

OVERLAYS = Path("deploy/kubernetes/overlays")
NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
PORT = 8000
SETTINGS = {"ConfigMap", "NetworkPolicy", "ServiceAccount"}
"""What a pod needs besides its own description."""
SOONER = 0.9
"""Kubernetes gives up after this part of a deployment's deadline, because it can say why."""


def connect(environment: Environment, shell: Shell) -> "Kubernetes":
    """Return the target of an environment that has one."""
    if environment.kubernetes is None:
        raise ValueError(environment.name)
    name = project()["project"]["name"]
    return Kubernetes(name, environment, environment.kubernetes, shell)


@dataclass
class Kubernetes:
    """What `ops.targets.Target` asks for."""

    name: str
    """What everything is called: the project."""
    environment: Environment
    place: model.Kubernetes
    shell: Shell
    imagined: Seen | None = None
    """What a dry run's commands would have made of what there is."""

    @property
    def lasting(self) -> tuple[str, ...]:
        """How each command begins that may last."""
        return "kubectl", f"--context={self.place.context}", f"--namespace={self.place.namespace}"

    @property
    def kubectl(self) -> tuple[str, ...]:
        """How every other begins: an API server that is there answers at once."""
        return *self.lasting, "--request-timeout=20s"

    @property
    def store(self) -> Store:
        """Where documents are kept."""
        labels = {NAME: self.name, COMPONENT: "record"}
        return Store(f"{self.name}-", labels, self.place.namespace, self.kubectl, self.shell)

    def answers(self) -> None:
        """Find out that it is there at all."""
        context, key = self.place.context, f"{ENVIRONMENTS}: {self.environment.name}.kubernetes"
        names = self.shell.read("kubectl", "config", "get-contexts", "--output=name").split()
        if context not in names:
            there = ", ".join(names) or "none"
            msg = f"{key}.context: the kubeconfig has no context {context!r}, but {there}"
            raise FailedError(msg)
        try:
            self.shell.read(*self.kubectl, "get", "--raw=/version")
        except FailedError as error:
            msg = f"{key}.context: the cluster of context {context!r} does not answer: {error}"
            raise FailedError(msg) from None

    def check(self) -> None:
        """Find out that it answers, and lets this person do what a deployment does."""
        self.answers()
        context, namespace = self.place.context, self.place.namespace
        try:
            self.shell.read(*self.kubectl, "get", "namespace", namespace)
        except FailedError as error:
            if "(NotFound)" in error.said:  # who may not look there may still work in it
                msg = f"the cluster of context {context!r} has no namespace {namespace!r}: "
                raise FailedError(f"{msg}see deploy/kubernetes/namespaces.yaml") from None
        if lacking := denied(self.shell, self.kubectl, namespace):
            who = f"in namespace {namespace!r} of context {context!r} you may not "
            raise FailedError("\n".join(f"{who}{each}: have it granted" for each in lacking))

    def render(self, image: str) -> str:
        """Return the manifest of an image, named by its digest, out of the files in deploy/.

        The API server has been asked whether it would take it.
        """
        folder = OVERLAYS / self.environment.name
        if not folder.is_dir():
            like = OVERLAYS / "staging"
            msg = f"{folder} is missing: copy {like}, and change what is different there"
            raise FailedError(msg)
        objects = parsed(self.shell.read("kubectl", "kustomize", str(folder)))
        found = [identity(each) for each in objects]
        for kind in ("Deployment", "Service"):
            if found.count((kind, self.name)) != 1:
                msg = f"{folder}: it must make one {kind} that is called {self.name}"
                raise FailedError(msg)
        if secrets := [name for kind, name in found if kind == "Secret"]:
            msg = f"{folder}: it must make no Secret ({secrets[0]}), for a manifest is recorded"
            raise FailedError(msg)
        spec = pick(objects, "Deployment", self.name)["spec"]["template"]["spec"]
        for container in spec["containers"]:
            if container["name"] == "app":
                container["image"] = image
                manifest = yaml.safe_dump_all(objects)
                self._admit(folder, Release(0, "", image, manifest))
                return manifest
        msg = f"{folder}: its Deployment must have a container that is called app"
        raise FailedError(msg)

    def _admit(self, folder: Path, release: Release) -> None:
        """Make sure that the namespace would take a release, and has what it refers to."""
        others, service = self._in_slot(release, SLOTS[0], self.environment.replicas)
        objects = [*others, service]
        ask = ("apply", "--dry-run=server", "--validate=true", "--output=name", "--filename=-")
        try:
            self.shell.read(*self.kubectl, *ask, stdin=yaml.safe_dump_all(objects))
        except FailedError as error:
            said = re.sub(r"; if you choose to ignore these errors, .*", "", str(error))
            msg = f"{folder}: the cluster would not take it: {said}"
            raise FailedError(msg) from None
        wrong = []
        for kind, name in sorted(referred(objects)):
            try:
                found = ("get", kind.lower(), name, "--ignore-not-found", "--output=name")
                is_there = bool(self.shell.read(*self.kubectl, *found))
            except FailedError as error:
                if "(Forbidden)" not in error.said:
                    raise
                continue  # who may not look may still deploy
            if not is_there:
                how = "create secret generic" if kind == "Secret" else "create configmap"
                make = f"{' '.join(self.lasting)} {how} {name} --from-env-file=FILE"
                wrong.append(f"{folder}: the namespace has no {kind} {name!r}: {make}")
        if wrong:
            raise FailedError("\n".join(wrong))

    def difference(self, release: Release) -> str:
        """Return how what would be applied differs from what serves, as `diff -u` does."""
        seen = self._look()
        objects, _ = self._in_slot(release, seen.live or SLOTS[0], self.environment.replicas)
        # What a person has in place of `diff` may not tell what is looked for.
        shell = replace(self.shell, env={**self.shell.env, "KUBECTL_EXTERNAL_DIFF": "diff -u -N"})
        try:
            return shell.read(*self.kubectl, "diff", "--filename=-", stdin=listed(objects))
        except FailedError as error:
            if not re.search("^diff ", error.said, re.MULTILINE):
                raise
            return re.sub(r"/\S*/(LIVE|MERGED)-\d+/", lambda at: f"{at[1].lower()}/", error.said)

    def begin(self, rollout: Rollout) -> None:
        """Start the release, in the slot that is not live."""
        seen = self._look()
        if number := seen.stranger(rollout):
            msg = f"namespace {self.place.namespace!r} of context {self.place.context!r} serves "
            msg += f"release {number}, of which nothing is recorded: delete Service {self.name!r} "
            raise FailedError(f"{msg}there if it may go")
        self._apply(rollout, rollout.release, seen, seen.to(rollout))

    def observe(self, rollout: Rollout) -> Progress:
        """Return how far it is; it is given its traffic here, once it can take it."""
        seen, desired = self._look(), replicas_for(rollout, self.environment.replicas)
        slot, number = seen.slots.get(seen.to(rollout)), rollout.release.number
        if slot is None or slot.release != number:
            return Progress(0, 0, desired, settled=False, failed="somebody took it away")
        failed = self._trouble(slot, strict=rollout.strategy.is_gated)
        settled, route = slot.is_whole(desired) and not failed, seen.route_for(rollout)
        if settled and seen.route != route:
            self._send(route, str(seen.live))
            seen = self._look()
        settled = settled and seen.route == route
        return Progress(seen.share(number), slot.ready, desired, settled, failed)

    def promote(self, rollout: Rollout) -> None:
        """Give it the instances for its stop; once they are ready, `observe` gives the traffic."""
        seen, replicas = self._look(), replicas_for(rollout, self.environment.replicas)
        if rollout.strategy.kind is Kind.ROLLING:
            self._apply(rollout, rollout.release, seen, seen.to(rollout))
        else:
            self._scale(seen.to(rollout), replicas)

    def complaint(self, rollout: Rollout) -> str:
        """Return why the release is not ready yet: what is told of the first pod that is not."""
        seen = self._look()
        slot = seen.slots.get(seen.to(rollout))
        return self._events(slot) if slot else ""

    def finish(self, rollout: Rollout) -> None:
        """Make its slot the live one, and let go of what the release before had."""
        seen = self._look()
        to, kept = seen.to(rollout), [rollout.release]
        if (seen.route, seen.live) != (to, to):
            self._send(to, to)
        if old := seen.slots.get(other(to)):
            previous = rollout.previous
            if self.environment.warm and previous and old.release == previous.number:
                kept.append(previous)
            elif old.replicas:
                self._scale(other(to), 0)
        needed = {identity(each) for release in kept for each in parsed(release.manifest)}
        labels = f"--selector={NAME}={self.name},{COMPONENT}=settings"
        names = ("get", "configmaps", labels, "--output=jsonpath={.items[*].metadata.name}")
        found = {("ConfigMap", name) for name in self.shell.read(*self.kubectl, *names).split()}
        if spare := sorted(name for _, name in found - needed):
            self.shell.change(*self.kubectl, "delete", "configmap", "--ignore-not-found", *spare)

    def abort(self, rollout: Rollout) -> None:
        """Give all of the traffic back to the previous release; without one, take all away."""
        seen = self._look()
        if rollout.previous:
            self._apply(rollout, rollout.previous, seen, seen.back(rollout))
            self.restored(rollout)
        elif not seen.stranger(rollout):
            shared = [
                each for each in parsed(rollout.release.manifest) if each["kind"] != "Deployment"
            ]
            both = [self._in_slot(rollout.release, slot, 0)[0][-1] for slot in SLOTS]
            delete = ("delete", "--ignore-not-found", "--wait=false", "--filename=-")
            self.shell.change(*self.kubectl, *delete, stdin=listed([*shared, *both]))

    def restored(self, rollout: Rollout) -> Progress:
        """Return how far the previous release is; it is given its traffic back here."""
        seen, desired, previous = self._look(), self.environment.replicas, rollout.previous
        if previous is None:
            gone = not seen.slots or bool(seen.stranger(rollout))
            return Progress(0, 0, 0, settled=gone)
        to = seen.back(rollout)
        slot, beside = seen.slots.get(to), seen.slots.get(other(to))
        if slot is None or slot.release != previous.number:
            return Progress(0, 0, desired, settled=False)
        if slot.ready and (seen.route, seen.live) != (to, to):
            self._send(to, to)  # at once: half of what has served is better than what failed
            seen = self._look()
        settled = slot.is_whole(desired) and seen.route == to
        if settled and beside and beside.replicas and beside.release == rollout.release.number:
            self._scale(other(to), 0)
        failed = self._trouble(slot, strict=False)
        settled = settled and not failed
        return Progress(seen.share(previous.number), slot.ready, desired, settled, failed)

    def instances(self) -> Sequence[Instance]:
        """Return every copy of the service that runs, or should."""
        seen = self._look()
        live = slot.release if (slot := seen.slots.get(seen.live or "")) else 0
        return [
            Instance(
                name=pod["metadata"]["name"],
                release=release_of(pod),
                ready=is_ready(pod),
                restarts=restarts(pod),
                live=release_of(pod) == live,
            )
            for slot in seen.slots.values()
            for pod in slot.pods
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def reach(self, rollout: Rollout | None = None) -> AbstractContextManager[str]:
        """Return a URL of the service while the context lasts.

        Without a rollout it is the way of its users, or else to the pods that they are sent to, in
        turn; with one, it is to the pods of its release.
        """
        if rollout is None and self.environment.url:
            return nullcontext(self.environment.url)

        def pods() -> Mapping[str, str]:
            seen = self._look()
            every = [pod for slot in seen.slots.values() for pod in slot.pods if is_ready(pod)]
            own = [pod for pod in every if rollout and release_of(pod) == rollout.release.number]
            return {
                pod["metadata"]["name"]: pod["status"]["podIP"] if self.place.direct else ""
                for pod in (own if rollout else seen.served())
            }

        return reached(self.shell, self.lasting, PORT, pods)

    def logs(self, lines: int, *, follow: bool) -> Iterator[str]:
        """Yield what the instances said, each line with the instance's name before it."""
        # What was let go of may still be on its way out.
        numbers = {str(slot.release) for slot in self._look().slots.values() if slot.replicas}
        if not numbers:
            return
        kept = f"release in ({', '.join(sorted(numbers))})"
        labels = f"--selector={NAME}={self.name},{COMPONENT}=service,{kept}"
        options = ("--prefix", "--all-containers", "--ignore-errors", "--max-log-requests=1000")
        command = (*self.lasting, "logs", labels, *options, f"--tail={lines}")
        if not follow:
            yield from self.shell.read(*command).splitlines()
            return
        with self.shell.started(*command, "--follow") as process:
            yield from (line.rstrip("\n") for line in process.stdout or ())

    def run_once(self, image: str, command: Sequence[str]) -> None:
        """Run a command in a pod of its own, with the service's settings; print what it says.

        Raises:
            FailedError: it cannot be started, ended with another status than 0, or took too long.
        """
        objects = parsed(self.render(image))
        template = pick(objects, "Deployment", self.name)["spec"]["template"]
        name, labels = f"{self.name}-task-{uuid4().hex[:8]}", {NAME: self.name, COMPONENT: "task"}
        pod = task(template, name, labels, command)
        pod["spec"]["activeDeadlineSeconds"] = math.ceil(self.environment.deadline)
        settings = [each for each in objects if each["kind"] in SETTINGS]
        try:
            self.shell.change(
                *self.kubectl, "apply", "--filename=-", stdin=listed([*settings, pod])
            )
            if not self.shell.dry_run:
                self._await(name)
        finally:
            gone = ("delete", "pod", name, "--ignore-not-found", "--wait=false")
            self.shell.change(*self.kubectl, *gone)

    def _await(self, name: str) -> None:
        end = time.monotonic() + self.environment.deadline
        while time.monotonic() < end:
            ask = ("get", "pod", name, "--output=json")
            pod = json.loads(self.shell.read(*self.kubectl, *ask))
            phase, failed = pod["status"]["phase"], hopeless(pod, strict=True)
            if phase in {"Succeeded", "Failed"}:
                print(self.shell.read(*self.kubectl, "logs", name))
            if phase == "Succeeded":
                return
            if phase == "Failed" or failed:
                raise FailedError(failed or f"pod {name} failed: {pod['status'].get('message')}")
            time.sleep(0.5)
        msg = f"pod {name} has not ended after {self.environment.deadline:.0f} s"
        raise FailedError(msg)

    def _look(self) -> Seen:
        if self.imagined:
            return self.imagined
        what, labels = "deployments,services,pods", f"--selector={NAME}={self.name}"
        found = self.shell.read(*self.kubectl, "get", what, labels, "--output=json")
        return Seen.of(json.loads(found)["items"], self.name)

    def _imagine(
        self, slots: Mapping[str, Slot], route: str | None = None, live: str | None = None
    ) -> None:
        """Have a dry run go on from what its commands would have come to."""
        if self.shell.dry_run:
            seen = self._look()
            route = seen.route if route is None else route
            self.imagined = Seen({**seen.slots, **slots}, live or seen.live, route)

    def _in_slot(self, release: Release, slot: str, replicas: int) -> tuple[list[Object], Object]:
        patience = self.environment.deadline * SOONER
        return in_slot(release, self.name, slot, replicas, patience)

    def _apply(self, rollout: Rollout, release: Release, seen: Seen, slot: str) -> None:
        """Apply a release in a slot; the traffic goes on where it goes."""
        whole = self.environment.replicas
        replicas = replicas_for(rollout, whole) if release is rollout.release else whole
        objects, service = self._in_slot(release, slot, replicas)
        annotations = service["metadata"].setdefault("annotations", {})
        annotations["live"] = seen.live or slot
        route = seen.route if seen.live else seen.route_for(rollout)
        service["spec"]["selector"] = self._selector(route)
        text = listed([*objects, service])
        self.shell.change(*self.kubectl, "apply", "--filename=-", stdin=text)
        made = {slot: whole_slot(slot, release.number, replicas)}
        self._imagine(made, route, annotations["live"])

    def _selector(self, route: str) -> dict[str, str]:
        slot = {"slot": route} if route else {}
        return {NAME: self.name, COMPONENT: "service", **slot}

    def _send(self, route: str, live: str) -> None:
        """Send the traffic somewhere."""
        selector = {"op": "replace", "path": "/spec/selector", "value": self._selector(route)}
        kept = {"op": "replace", "path": "/metadata/annotations/live", "value": live}
        patch = ("--type=json", f"--patch={json.dumps([selector, kept])}")
        self.shell.change(*self.kubectl, "patch", "service", self.name, *patch)
        self._imagine({}, route, live)

    def _scale(self, slot: str, replicas: int) -> None:
        scale = ("scale", "deployment", f"{self.name}-{slot}", f"--replicas={replicas}")
        self.shell.change(*self.kubectl, *scale)
        if self.shell.dry_run:
            number = self._look().slots[slot].release
            self._imagine({slot: whole_slot(slot, number, replicas)})

    def _trouble(self, slot: Slot, *, strict: bool) -> str:
        """Return why waiting for a slot will not help, with what a pod complains of."""
        failed = slot.trouble(strict=strict, patience=self.environment.deadline / 2)
        if failed != LATE:
            return failed
        return f"{failed}: {self._events(slot) or 'nobody knows why'}"

    def _events(self, slot: Slot) -> str:
        """Return what Kubernetes warns of about the first pod that is not ready."""
        waiting = [pod["metadata"]["name"] for pod in slot.own if not is_ready(pod)]
        if not waiting:
            return ""
        of = f"--field-selector=type=Warning,involvedObject.name={waiting[0]}"
        lines = '--output=jsonpath={range .items[*]}{.message}{"\\n"}{end}'
        return words(self.shell.read(*self.kubectl, "get", "events", of, lines))
