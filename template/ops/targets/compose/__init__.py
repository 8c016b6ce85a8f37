"""Compose on a host: two slots, and a proxy before them that is told who serves.

There are three compose projects, NAME-ENVIRONMENT- and `proxy`, `blue` or `green`, on a network
NAME-ENVIRONMENT. A release runs in one slot, whole, and is brought to traffic by another table of
the proxy; the previous one stays in the other slot until it is let go. A rolling deployment starts
instances one by one, and stops one of the previous for each: that is then still there to start.
"""

import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from difflib import unified_diff
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from subprocess import Popen
from typing import Any

import yaml

from ops.model import (
    ENVIRONMENTS,
    WHOLE,
    Compose,
    Environment,
    Instance,
    Kind,
    Progress,
    Release,
    Rollout,
)
from ops.shell import Shell
from ops.targets import SLOTS, Store, Target
from ops.targets.compose.containers import PROJECT, Container, of_release, parse, ready
from ops.targets.compose.host import Files, Host
from ops.targets.compose.traffic import SWITCH, Table
from pipeline.image import project
from pipeline.shell import FailedError

DEPLOY = Path("deploy/compose")
LONG = 900.0
"""Seconds that a pull, or a stop with its grace, may take."""
OLDEST = (2, 34)
"""The first `docker compose` that leaves settings files alone when it renders."""
VARIABLE = r"(?<!\$)(?:\$\$)*(\$\{?\w+)"
ABSOLUTE = """case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac"""
INSPECT = """set -eu; ids=$(docker ps --all --quiet --filter="name=$1")
[ -z "$ids" ] || docker inspect $ids"""
LISTENS = """grep -s ":$(printf %04X "$1") [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6 || :"""
LAST_WORDS = """for _ in 1 2 3 4 5; do # the engine writes them down a moment after they were said
  words=$(docker logs --since=10m --until="$2" "$1" 2>&1 | tail -n 1)
  [ -z "$words" ] || { echo "$words"; break; }
  sleep 0.2
done"""
WRITABLE = """at=$1; while [ ! -e "$at" ]; do at=$(dirname "$at"); done
[ -w "$at" ] && command -v flock"""


class ComposeTarget:
    """An environment on a host: `ops.targets.Target`."""

    def __init__(self, environment: Environment, place: Compose, shell: Shell) -> None:
        more = {"DOCKER_HOST": place.host} if place.host else {}
        self._environment, self._place = environment, place
        self._shell = replace(shell, env={**shell.env, **more})
        self._host = Host(shell, place.host)
        name = project()["project"]["name"]
        self._name = f"{name}-{environment.name}"
        self._folder = place.directory or f".local/state/{name}/{environment.name}"
        self._traffic = f"{self._folder}/traffic"
        self.store: Store = Files(self._host, f"{self._folder}/documents")
        # What a dry run's commands would have made of a slot, and of the proxy's table.
        self._imagined: dict[str, Sequence[Container]] = {}
        self._imagined_table: Table | None = None

    def answers(self) -> None:
        """Find out that it is there at all."""
        where, key = self._place.host, f"{ENVIRONMENTS}: {self._environment.name}.compose.host"
        if where:
            try:
                self._host.read(":")
            except FailedError as error:
                keys = "its host key has to be known here, and your key there"
                msg = f"{key}: {where}: {error}: {keys}"
                raise FailedError(msg) from None
        try:
            self._shell.read("docker", "version", "--format={{.Server.Version}}")
            self._read("version", "--format={{.Server.Version}}")
        except FailedError as error:
            msg = f"{key}: no Docker engine answers on {self._host}: {error}"
            raise FailedError(msg) from None

    def check(self) -> None:
        """Find out that it answers, and lets this person do what a deployment does."""
        self.answers()
        version = self._shell.read("docker", "compose", "version", "--short")
        if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
            msg = f"docker compose {version} is too old: install {'.'.join(map(str, OLDEST))} here"
            raise FailedError(msg)
        try:
            self._host.read(WRITABLE, self._folder)
        except FailedError:
            msg = f"{self._folder} on {self._host}: it cannot be written, or there is no flock"
            raise FailedError(msg) from None
        self._secrets()
        port = self._place.publish.rpartition(":")[2]
        if self._host.read(LISTENS, port) and f":{port}->" not in self._proxy("{{.Ports}}"):
            msg = f"port {port} on {self._host} is taken by another: choose another for publish"
            raise FailedError(msg)

    def render(self, image: str) -> str:
        """Return the manifest of an image, named by its digest, out of the files in deploy/."""
        files = [DEPLOY / "service.yaml", DEPLOY / f"{self._environment.name}.yaml"]
        text = self._shell.read(
            *("docker", "compose", f"--project-name={self._name}"),
            *(f"--file={file}" for file in files if file.exists()),
            *("config", "--no-interpolate", "--no-env-resolution"),
        )
        manifest = yaml.safe_load(text.replace("${IMAGE}", image))
        for service in manifest["services"].values():
            service["environment"] = _pairs(service.get("environment"))
        text = yaml.safe_dump(manifest)
        for wrong in re.findall(VARIABLE, text):
            msg = f"{DEPLOY}: {wrong} is not known there: write the value, or see compose.secrets"
            raise FailedError(msg)
        for name, service in manifest["services"].items():
            open_ended = [key for key, value in service["environment"].items() if value is None]
            if open_ended or "env_file" in service:
                what = ", ".join(open_ended) or "env_file"
                msg = f"{DEPLOY}: {name}: {what}: write the value, or keep it in compose.secrets"
                raise FailedError(msg)
        return text

    def difference(self, release: Release) -> str:
        """Return how what would be applied differs from what is there, as `diff -u` does."""
        table, there = self._table(), self._containers()
        live = next((each for each in there if each.id in table.instances), None)
        pairs = [
            (live.manifest if live else "", release.manifest, "release"),
            (self._read_traffic("applied.conf"), _configuration(), "proxy"),
        ]
        return "".join(
            line
            for old, new, name in pairs
            for line in unified_diff(
                f"{old.rstrip()}\n".splitlines(keepends=True) if old else [],
                f"{new.rstrip()}\n".splitlines(keepends=True),
                f"{name} on {self._host}",
                name,
            )
        )

    def begin(self, rollout: Rollout) -> None:
        """Start the release, in place or beside the previous one, towards its first stop."""
        release, there = rollout.release, self._containers()
        self._pull(release.image)
        self._open(may_change=rollout.strategy.is_gated)
        new = of_release(there, release)
        slot = new[0].slot if new else self._free_slot(rollout, there)
        if not new:
            self._take_away(slot)
        count = max(len(new), 1) if _is_in_place(rollout) else self._environment.replicas
        if len([each for each in new if each.up]) != count:
            self._start(release, slot, count)

    def observe(self, rollout: Rollout) -> Progress:
        """Return how far it is, and move it on."""
        there, replicas = self._containers(), self._environment.replicas
        new = of_release(there, rollout.release)
        old = _serving(of_release(there, rollout.previous))
        ready = [each.id for each in new if each.ready]
        progress = Progress(self._table().share(_ids(new)), len(ready), replicas, settled=False)
        if failed := self._trouble(new, strict=rollout.strategy.is_gated):
            return replace(progress, failed=failed)
        if not new or len(ready) < len(new):
            return progress
        if _is_in_place(rollout) and not rollout.share:
            return replace(progress, desired=1, settled=True)
        if _is_in_place(rollout):
            return self._replace_one(rollout.release, new, old)
        self._send(Table.of(ready, _ids(old), rollout.share))
        return replace(progress, share=rollout.share, settled=len(ready) >= replicas)

    def _replace_one(
        self, release: Release, new: Sequence[Container], old: Sequence[Container]
    ) -> Progress:
        """Send a share to what is new and ready, stop what it replaces, and start the next."""
        replicas = self._environment.replicas
        kept = old[: max(0, replicas - len(new))]
        share = WHOLE * len(new) / len([*new, *kept])
        self._send(Table.of(_ids(new), _ids(kept), share))
        self._stop(old[len(kept) :])
        if len(new) < replicas:
            self._start(release, new[0].slot, len(new) + 1)
        settled = len(new) >= replicas
        return Progress(round(share), len(new), replicas, settled=settled)

    def promote(self, rollout: Rollout) -> None:
        """Move it on towards the stop that the rollout is at now."""
        if failed := self.observe(rollout).failed:
            raise FailedError(failed)

    def complaint(self, rollout: Rollout) -> str:
        """Return why the release is not ready yet: what its health check and it itself say."""
        for each in of_release(self._containers(), rollout.release):
            if not each.ready:
                checked = f"its health check says: {each.said or 'nothing yet'}"
                return f"{each.name}: {checked}; {self._last_words(each)}"
        return ""

    def finish(self, rollout: Rollout) -> None:
        """Let the previous release go; it has all of the traffic, and is to keep it."""
        there = self._containers()
        new = [each for each in of_release(there, rollout.release) if each.up]
        if not new:
            msg = f"release {rollout.release.number} is gone from {self._host}: deploy it again"
            raise FailedError(msg)
        self._send(Table.of(_ids(new), (), WHOLE))
        kept = rollout.previous and self._environment.warm
        for slot in {each.slot for each in there} - {new[0].slot} if not kept else ():
            self._take_away(slot)

    def abort(self, rollout: Rollout) -> None:
        """Give all of the traffic back to the previous release; without one, take all away."""
        self.restored(rollout)

    def restored(self, rollout: Rollout) -> Progress:
        """Return how far the previous release is with serving all of the traffic again."""
        there, replicas = self._containers(), self._environment.replicas
        new, previous = of_release(there, rollout.release), rollout.previous
        if previous is None:
            self._send(Table())
            for each in (*SLOTS, "proxy"):
                self._take_away(each)
            if self._network():
                self._shell.change("docker", "network", "rm", self._name)
            return Progress(0, 0, 0, settled=True)
        old = of_release(there, previous)
        if len([each for each in old if each.up]) < replicas:
            slot = old[0].slot if old else self._free_slot(rollout, there)
            self._start(previous, slot, replicas)
        ready = [each.id for each in old if each.ready]
        if ready:
            self._send(Table.of(ready, (), WHOLE))
        settled = len(ready) >= replicas
        if settled:
            for slot in {each.slot for each in new}:
                self._take_away(slot)
        failed = self._trouble([each for each in old if each.up], strict=False)
        share = self._table().share(_ids(old))
        return Progress(share, len(ready), replicas, settled=settled, failed=failed)

    def instances(self) -> Sequence[Instance]:
        """Return every copy of the service that runs, or should."""
        table, there = self._table(), self._containers()
        shares = {
            number: table.share([each.id for each in there if each.release == number])
            for number in sorted({each.release for each in there})
        }
        live = max(shares, default=0, key=lambda number: shares[number])
        return [
            Instance(each.name, each.release, each.ready, each.restarts, each.release == live)
            for each in sorted(there, key=lambda each: (each.release, each.name))
            if each.up or each.id in table.instances
        ]

    def reach(self, rollout: Rollout | None = None) -> AbstractContextManager[str]:
        """Return a URL of the service while the context lasts."""
        if rollout is None and self._environment.url:
            return nullcontext(self._environment.url)
        return self._reach(rollout)

    @contextmanager
    def _reach(self, rollout: Rollout | None) -> Iterator[str]:
        host, _, port = self._place.publish.rpartition(":")
        everywhere = not host or ip_address(host.strip("[]")).is_unspecified
        address = f"{'127.0.0.1' if everywhere else host}:{port}"
        if rollout:
            new = of_release(self._containers(), rollout.release)
            if not new or not new[0].address:
                msg = f"release {rollout.release.number} does not run on {self._host}"
                raise FailedError(msg)
            address = f"{new[0].address}:8000"
        with self._host.tunnel(address) as near:
            yield f"http://{near}"

    def logs(self, lines: int, *, follow: bool) -> Iterator[str]:
        """Yield what the instances said, each line with the instance's name before it."""
        told: SimpleQueue[str | None] = SimpleQueue()

        def listen(name: str, process: Popen[str]) -> None:
            for line in process.stdout or ():
                told.put(f"{name} | {line.rstrip()}")
            told.put(None)

        options = (f"--tail={lines}", *(["--follow"] if follow else []))
        with ExitStack() as stack:
            names = [each.name for each in self._containers() if each.up]
            for name in names:
                command = ("docker", "logs", *options, name)
                process = stack.enter_context(self._shell.started(*command))
                threading.Thread(target=listen, args=(name, process), daemon=True).start()
            while names:
                line = told.get()
                if line is None:
                    names.pop()
                else:
                    yield line

    def run_once(self, image: str, command: Sequence[str]) -> None:
        """Run a command in a container of its own, with the service's settings, to its end."""
        self._pull(image)
        self._open_network()
        options = ("run", "--rm", "--no-deps", "--no-TTY", "--pull=never", "app")
        manifest = self._filled(self.render(image), {})
        self._compose("once", *options, *command, stdin=manifest)

    def _read(self, *command: str) -> str:
        """Return what the host's own docker says: one connection serves for all of it."""
        return self._host.read('docker "$@"', *command)

    def _compose(self, what: str, *command: str, stdin: str) -> None:
        base = ("docker", "compose", f"--project-name={self._name}-{what}", "--file=-")
        self._shell.change(*base, *command, stdin=stdin, seconds=LONG)

    def _containers(self) -> Sequence[Container]:
        found = self._host.read(INSPECT, f"^{self._name}-({'|'.join(SLOTS)})-app-")
        there = parse(found or "[]", self._name)
        kept = [each for each in there if each.slot not in self._imagined]
        return [*kept, *(each for slot in self._imagined.values() for each in slot)]

    def _trouble(self, containers: Sequence[Container], *, strict: bool) -> str:
        """Say why waiting will not help, with the last words of the one that it is about."""
        for each in containers:
            if trouble := each.trouble(strict=strict):
                return f"{trouble}; {self._last_words(each)}"
        return ""

    def _last_words(self, container: Container) -> str:
        """Return the last line that it said, of the last time that it ended if it did."""
        ended = container.restarts and container.state == "running"
        until = container.began if ended else "0s"
        words = self._host.read(LAST_WORDS, container.id, until)
        return f"its last words: {words or 'none':.300}"

    def _free_slot(self, rollout: Rollout, there: Sequence[Container]) -> str:
        """Return the slot that neither traffic nor a release of the rollout is in."""
        releases = (rollout.release, rollout.previous)
        numbers = {release.number for release in releases if release}
        served = self._table().instances
        taken = {each.slot for each in there if each.id in served or each.release in numbers}
        for slot in SLOTS:
            if slot not in taken:
                return slot
        msg = f"both slots on {self._host} are in use: abort what is under way (`inv status`)"
        raise FailedError(msg)

    def _pull(self, image: str) -> None:
        if not self._read("image", "ls", "--quiet", image):
            self._shell.change("docker", "pull", "--quiet", image, seconds=LONG)

    def _network(self) -> str:
        return self._read("network", "ls", "--quiet", f"--filter=name=^{self._name}$")

    def _open_network(self) -> None:
        if not self._network():
            self._shell.change("docker", "network", "create", self._name)

    def _proxy(self, what: str) -> str:
        label = f"--filter=label={PROJECT}={self._name}-proxy"
        return self._read("ps", "--all", label, f"--format={what}")

    def _open(self, *, may_change: bool) -> None:
        """Have a network, and a proxy that runs with what the project says of it now.

        Args:
            may_change: whether a proxy that is there is changed, which callers may notice.
        """
        self._open_network()
        folder = self._host.read(ABSOLUTE, self._traffic)
        publish = {"PUBLISH": self._place.publish, "TRAFFIC": folder, "NETWORK": self._name}
        file = (DEPLOY / "proxy.yaml").read_text(encoding="utf-8")
        digest = hashlib.sha256(repr((file, sorted(publish.items()))).encode()).hexdigest()[:16]
        there, _, old = self._proxy('{{.State}} {{.Label "digest"}}').partition(" ")
        if not self._read_traffic("live/table"):
            self._send(Table(), anew=True)
        if not there or may_change:
            self._configure(is_running=there == "running")
        if there == "running" and (old == digest or not may_change):
            return
        if there and old != digest and may_change:
            print(f"{DEPLOY}/proxy.yaml has changed: the proxy is away for a second")
        recreate = () if may_change else ("--no-recreate",)
        env = {**publish, "DIGEST": digest}
        self._shell.change(
            *("env", *(f"{name}={value}" for name, value in env.items())),
            *("docker", "compose", f"--project-name={self._name}-proxy"),
            *(f"--file={DEPLOY}/proxy.yaml", "up", "--detach", "--wait", *recreate),
            seconds=LONG,
        )

    def _configure(self, *, is_running: bool) -> None:
        """Have the proxy's configuration as it is in deploy/, tried before it is taken."""
        new = _configuration()
        if new.strip() == self._read_traffic("applied.conf"):
            return
        folder, inside = self._traffic, ("docker", "exec", f"{self._name}-proxy-proxy-1", "nginx")
        write = 'set -eu; umask 022; cat >"$1/$2.new"; mv -f "$1/$2.new" "$1/$2"'
        self._host.change(write, folder, "next.conf", stdin=new)
        if is_running:
            print(f"{DEPLOY}/nginx.conf has changed: the proxy ends idle connections once")
            try:
                self._shell.change(*inside, "-t", "-q", "-c", "/traffic/next.conf")
            except FailedError as error:
                msg = f"{DEPLOY}/nginx.conf: {' '.join(error.said.partition(']')[2].split())}"
                raise FailedError(msg) from None
        self._host.change(write, folder, "nginx.conf", stdin=new)
        if is_running:
            self._shell.change(*inside, "-c", "/traffic/nginx.conf", "-s", "reload")
        self._host.change(write, folder, "applied.conf", stdin=new)

    def _read_traffic(self, name: str) -> str:
        return self._host.read('[ ! -e "$1" ] || cat "$1"', f"{self._traffic}/{name}")

    def _table(self) -> Table:
        return self._imagined_table or Table.parse(self._read_traffic("live/table"))

    def _send(self, table: Table, *, anew: bool = False) -> None:
        """Send requests as a table says, from now on."""
        if anew or table != self._table():
            self._host.change(SWITCH, self._traffic, table.digest, stdin=table.archive())
            self._imagined_table = table if self._shell.dry_run else None

    def _start(self, release: Release, slot: str, count: int) -> None:
        """Have so many instances in a slot: those that are there as they are, and new ones."""
        manifest = self._filled(
            release.manifest, {"release": str(release.number), "manifest": release.manifest}
        )
        options = ("--detach", "--no-recreate", "--pull=never", f"--scale=app={count}")
        self._compose(slot, "up", *options, stdin=manifest)
        if self._shell.dry_run:
            self._imagined[slot] = [ready(release, slot, number) for number in range(count)]

    def _filled(self, text: str, labels: dict[str, str]) -> str:
        """Return a manifest with what it leaves open: its labels, network and secrets."""
        manifest: dict[str, Any] = yaml.safe_load(text)
        manifest.pop("name", None)
        app = manifest["services"]["app"]
        doubled = {name: value.replace("$", "$$") for name, value in labels.items()}
        app["labels"] = {**_pairs(app.get("labels")), **doubled}
        secrets = {name: value.replace("$", "$$") for name, value in self._secrets().items()}
        app["environment"] |= secrets
        networks = manifest.setdefault("networks", {})
        networks["default"] = {"name": self._name, "external": True}
        return yaml.safe_dump(manifest)

    def _secrets(self) -> dict[str, str]:
        """Return the settings that only the host has; they are never written down elsewhere."""
        path = self._place.secrets
        if not path:
            return {}
        try:
            lines = self._host.read('cat "$1"', path).splitlines()
        except FailedError as error:
            msg = f"{path} on {self._host}, which compose.secrets names: {error}"
            raise FailedError(msg) from None
        pairs = [line.strip().partition("=") for line in lines]
        return {name: value for name, is_set, value in pairs if is_set and not name.startswith("#")}

    def _stop(self, containers: Sequence[Container]) -> None:
        if containers:
            self._shell.change("docker", "stop", *(each.id for each in containers), seconds=LONG)
        if self._shell.dry_run:
            for slot in {each.slot for each in containers}:
                there = [each for each in self._containers() if each.slot == slot]
                self._imagined[slot] = [
                    replace(each, state="exited") if each in containers else each for each in there
                ]

    def _take_away(self, what: str) -> None:
        """Stop a slot, or the proxy, with its grace, and remove it."""
        base = ("docker", "compose", f"--project-name={self._name}-{what}")
        self._shell.change(*base, "down", seconds=LONG)
        if self._shell.dry_run:
            self._imagined[what] = []


def connect(environment: Environment, shell: Shell) -> Target:
    """Return the target that an environment names."""
    if environment.compose is None:
        raise ValueError(environment.name)  # the model sees to it that there is one
    return ComposeTarget(environment, environment.compose, shell)


def _configuration() -> str:
    return (DEPLOY / "nginx.conf").read_text(encoding="utf-8")


def _is_in_place(rollout: Rollout) -> bool:
    return rollout.strategy.kind is Kind.ROLLING and rollout.previous is not None


def _serving(containers: Sequence[Container]) -> Sequence[Container]:
    """Return those that serve; if none does, those that run."""
    ready = [each for each in containers if each.ready]
    return ready or [each for each in containers if each.up]


def _ids(containers: Sequence[Container]) -> list[str]:
    return [each.id for each in containers]


def _pairs(given: Any) -> dict[str, Any]:
    """Return what compose takes as a list of NAME=value, or as a table, as a table."""
    if isinstance(given, list):
        split = [str(each).partition("=") for each in given]
        return {name: value if is_set else None for name, is_set, value in split}
    return dict(given or {})
