"""The Docker engine of this machine, and the day it stops.

    with Cut() as cut:
        cut.cut_when(b"pushing layers")
        done = project.inv("release", DOCKER_HOST=cut.host)
    assert done.status == 1
    assert tags(f"{registry}/service") == set()

The engine is the real one and stays up; whoever speaks to it through a Cut sees it go.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Self

BLOCK = 64 * 1024


def engine_socket() -> str:
    """Return the path of the socket at which `docker`, called from here, finds its engine."""
    ask = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    told = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    assert told.startswith("unix://"), f"the engine has to be at a unix:// address (is at {told})"
    return told.removeprefix("unix://")


class Cut:
    """The engine at another address, until it is cut; a context manager.

    Bytes pass as they are, both ways: also where HTTP has been left for another protocol.
    """

    def __init__(self) -> None:
        self.happened = threading.Event()
        """Set once it is cut."""
        self._engine = engine_socket()
        self._folder = Path(tempfile.mkdtemp(prefix="cut-"))  # short: a socket's path has a limit
        self.host = f"unix://{self._folder}/docker.sock"
        """What DOCKER_HOST should be."""
        self._seen: list[bytes] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def cut(self) -> None:
        """Break off every connection, and refuse new ones, from now on."""
        self.happened.set()
        self._hang_up()

    def cut_when(self, seen: bytes) -> None:
        """Cut as soon as these bytes have gone through, either way, in one connection.

        What a build says of itself is legible: b"2/2] RUN sleep" when it comes to a step, b"pushing
        layers" when to a push. The names of calls are not: HTTP/2 packs its headers.
        """
        self._seen.append(seen)

    def __enter__(self) -> Self:
        self._door.bind(self.host.removeprefix("unix://"))
        self._door.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()
        shutil.rmtree(self._folder)

    def _hang_up(self) -> None:
        with self._lock:
            for each in (self._door, *self._sockets):
                with contextlib.suppress(OSError):  # the other side was faster
                    each.shutdown(socket.SHUT_RDWR)
            self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the door is closed
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        """Pass everything between a client and the engine until both have ended."""
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            pair = {client, engine}
            with contextlib.suppress(OSError):  # no engine, as if it were cut
                engine.connect(self._engine)
            with self._lock:
                self._sockets |= pair
                closed = self._door.fileno() < 0
            if not closed:
                back = threading.Thread(target=self._pass, args=(engine, client), daemon=True)
                back.start()
                self._pass(client, engine)
                back.join()
            with self._lock:
                self._sockets -= pair

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        """Pass one direction; its end, too: the other may go on."""
        seen = b""
        with contextlib.suppress(OSError):  # it was cut, or a side is gone
            while block := source.recv(BLOCK):
                target.sendall(block)
                seen += block
                if any(each in seen for each in self._seen):
                    self.cut()
                longest = max(map(len, self._seen), default=1)
                seen = seen[max(0, len(seen) + 1 - longest) :]
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
