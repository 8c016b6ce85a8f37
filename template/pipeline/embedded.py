"""Servers for tests: each in a folder of its own, and gone with whoever started it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.shell import FailedError

SOCKET_CHARACTERS = 80  # of its folder; with its name, systems allow some hundred
START_SECONDS = 60
# Ends the server when whoever started it says so by a line, or is no more, be it that it was
# killed; then nobody else removes the folder.
WATCH = """\
read -r _ && left= || left=$1
kill -s INT "$0"
while kill -s 0 "$0" 2> /dev/null; do sleep 0.05; done
[ -z "$left" ] || rm -rf "$left"
"""


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give a new folder for a server, which is gone in the end.

    Raises:
        FailedError: it cannot hold a socket.
    """
    path = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    try:
        if len(str(path)) > SOCKET_CHARACTERS:
            raise FailedError(f"{path} is too long for a socket's name: set TMPDIR to less")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def started(
    where: Path,
    command: list[str],
    is_ready: Callable[[Path], bool],
    identity: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[None]:
    """Run a server in a folder.

    Args:
        where: the folder; what the server says goes into its file `log`.
        command: what starts it.
        is_ready: whether the server in a folder can be used.
        identity: as whom it runs, as `subprocess.Popen` takes it; default: as whoever runs this.

    Raises:
        FailedError: it does not start; the message is what it says.
    """
    log = where / "log"
    # Ctrl-C is for the tests, which still need the server to tidy up.
    apart: dict[str, Any] = {"start_new_session": True, "cwd": where}
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, **apart, **identity)
    watch = ["sh", "-c", WATCH, str(process.pid), str(where)]
    with subprocess.Popen(watch, stdin=subprocess.PIPE, **apart) as watching:
        try:
            end = time.monotonic() + START_SECONDS
            while not is_ready(where):
                if process.poll() is not None or time.monotonic() > end:
                    said_last = log.read_text(errors="replace").strip()
                    raise FailedError(f"{Path(command[0]).name} does not start: {said_last}")
                time.sleep(0.01)
            yield
        finally:
            if watching.stdin:
                watching.stdin.write(b"\n")
                watching.stdin.close()
            process.wait()
