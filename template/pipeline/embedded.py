"""Servers for tests: each in a folder of its own, and gone with whoever started it."""

import signal
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
# Removes a folder when whoever made it is done with it, or is no more, be it that it was killed:
# then the server is still to be ended, and what was preparing for it may write there once more.
WATCH = """\
read -r _
read -r server < "$0/pid" && kill -s INT "$server" && while kill -s 0 "$server"; do sleep 0.05; done
for _ in 1 2 3 4 5; do rm -rf "$0" && break; sleep 0.5; done
"""


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give a new folder for a server, which is gone in the end, as is the server.

    Raises:
        FailedError: it cannot hold a socket.
    """
    path = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    watch = ("sh", "-c", WATCH, str(path))
    with subprocess.Popen(
        watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ):
        if len(str(path)) > SOCKET_CHARACTERS:
            raise FailedError(f"{path} is too long for a socket's name: set TMPDIR to less")
        yield path


@contextmanager
def started(
    where: Path,
    command: list[str],
    is_ready: Callable[[Path], bool],
    identity: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[None]:
    """Run a server in a folder.

    Args:
        where: the folder; what the server says goes into its file `log`, its number into `pid`.
        command: what starts it.
        is_ready: whether the server in a folder can be used.
        identity: as whom it runs, as `subprocess.Popen` takes it; default: as whoever runs this.

    Raises:
        FailedError: it does not start; the message is what it says.
    """
    log, pid = where / "log", where / "pid"
    with log.open("w") as said:
        process = subprocess.Popen(
            command,
            cwd=where,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for the tests, which need the server to tidy up
            **identity,
        )
    try:
        pid.write_text(f"{process.pid}\n")
        end = time.monotonic() + START_SECONDS
        while not is_ready(where):
            if process.poll() is not None or time.monotonic() > end:
                said_last = log.read_text(errors="replace").strip()
                raise FailedError(f"{Path(command[0]).name} does not start: {said_last}")
            time.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        pid.unlink(missing_ok=True)
