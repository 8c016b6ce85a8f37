"""The host: shell scripts that run there, and the documents that are kept there."""

import base64
import hashlib
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.shell import SECONDS, Shell
from ops.targets import ConflictError, Document
from pipeline.shell import FailedError

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
SHARED = ("ControlMaster=auto", "ControlPersist=60")
"""One connection for all: a new one takes up to a second."""
ALONE = ("ControlMaster=no", "ControlPath=none")

READ = """set -eu; [ -e "$1" ] || exit 0; cd "$1"
for each in "$2"$3; do
  [ -f "$each" ] || continue
  text=$(base64 <"$each" | tr -d '\\n') && [ -r "$each" ] || { [ -e "$each" ] && exit 1; continue; }
  echo "$each $text"
done"""

LOCKED = """set -eu; export LC_ALL=C; umask 077; mkdir -p "$1"; cd "$1"; exec 9>.lock
command -v flock >&2 || { echo 'there is no flock: install util-linux' >&2; exit 1; }
flock -w 10 9 || { echo 'somebody else has been writing for 10 s' >&2; exit 1; }
now=$([ ! -e "$2" ] || sha256sum <"$2" | cut -d' ' -f1)
[ "$now" = "$3" ] || { echo conflict; exit 0; }
"""
WRITE = f"""{LOCKED}trap 'rm -f .new' EXIT; cat >.new
[ "$(sha256sum <.new | cut -d' ' -f1)" = "$4" ] || {{ echo 'it did not arrive whole' >&2; exit 1; }}
sync .new; mv -f .new "$2"; sync ."""
DELETE = f"""{LOCKED}rm "$2"; sync ."""


@dataclass(frozen=True)
class Host:
    """A machine: this one, or one that ssh reaches."""

    shell: Shell
    url: str = ""
    """Like ssh://deploy@host.example; empty for this machine."""

    def __str__(self) -> str:
        """Say which."""
        return self.url or "this machine"

    def read(self, script: str, *arguments: str) -> str:
        """Return what a script prints that only looks; it has the arguments as $1 and on."""
        return self.shell.read(*self._command(script, arguments))

    def change(self, script: str, *arguments: str, stdin: str = "") -> str:
        """Return what a script prints that changes something."""
        try:
            command = self._command(script, arguments)
            return self.shell.change(*command, stdin=stdin, seconds=SECONDS)
        except FailedError as error:
            if "No space left" not in error.said:
                raise
            msg = f"{arguments[0]} on {self}: the disk is full: make room, and do it again"
            raise FailedError(msg) from None

    def _command(self, script: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
        command = ("sh", "-c", f"cd; {script}", "sh", *arguments)  # a path may be from home on
        if not self.url:
            return command
        folder = Path("~/.ssh").expanduser()
        folder.mkdir(mode=0o700, exist_ok=True)  # as ssh does, but only later
        shared = (*SHARED, f"ControlPath={folder}/%C")
        options = (each for option in shared for each in ("-o", option))
        return (*SSH, *options, self.url, shlex.join(command))

    @contextmanager
    def tunnel(self, address: str) -> Iterator[str]:
        """Return where an HOST:PORT that the machine reaches is reached from here."""
        if not self.url:
            yield address
            return
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
        alone = (each for option in (*ALONE, "ExitOnForwardFailure=yes") for each in ("-o", option))
        forward = ("-N", "-L", f"127.0.0.1:{port}:{address}")
        with self.shell.started(*SSH, *alone, *forward, self.url) as process:
            _wait_for(port, process)
            yield f"127.0.0.1:{port}"


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Return when somebody listens at a port of this machine."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.terminate()
    said = process.communicate()[0].strip()
    msg = f"ssh makes no tunnel: {said.splitlines()[-1] if said else 'it said nothing'}"
    raise FailedError(msg)


@dataclass(frozen=True)
class Files:
    """Documents as files of a folder on a host: `ops.targets.Store`.

    A document is replaced by renaming a whole and synced one, under a lock of the folder: whoever
    is killed, and whenever, leaves the old one or the new one.
    """

    host: Host
    folder: str

    def read(self, name: str) -> Document | None:
        """Return a document; none if there is none."""
        return self._read(name, "").get(name)

    def read_all(self, prefix: str) -> Mapping[str, Document]:
        """Return the documents whose names begin so, by name, in the order of their names."""
        return self._read(prefix, "*")

    def _read(self, name: str, pattern: str) -> dict[str, Document]:
        lines = self.host.read(READ.replace("$3", pattern), self.folder, name).splitlines()
        found = (line.partition(" ") for line in sorted(lines))
        texts = {name: base64.b64decode(text).decode() for name, _, text in found}
        return {name: Document(text, _revision(text)) for name, text in texts.items()}

    def write(self, name: str, text: str, revision: str | None) -> str:
        """Write a document in place of that revision, none for a new one; return its revision."""
        new = _revision(text)
        said = self.host.change(WRITE, self.folder, name, revision or "", new, stdin=text)
        if said == "conflict":
            raise ConflictError(name)
        return new

    def delete(self, name: str, revision: str) -> None:
        """Delete a document of that revision."""
        if self.host.change(DELETE, self.folder, name, revision) == "conflict":
            raise ConflictError(name)


def _revision(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
