"""A port of this machine that leads to pods, a connection to each in turn."""

import math
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from subprocess import Popen

import httpx

from ops.shell import Shell
from pipeline.shell import FailedError

BLOCK = 64 * 1024
FRESH = 1.0
"""Seconds for which what is known of the pods is believed."""
LOCAL = "127.0.0.1"


@dataclass
class Ways:
    """The ways to pods, each opened when it is needed, and again when it has broken.

    `kubectl port-forward` to a Service would lead to one of its pods alone, and end with that.
    """

    shell: Shell
    kubectl: Sequence[str]
    port: int
    pods: Callable[[], Mapping[str, str]]
    """Returns those that may be led to now: by name, the address; empty: through the API server."""
    stack: ExitStack
    said: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    """The last words of kubectl."""
    _open: dict[str, tuple[Popen[str], int]] = field(default_factory=dict)
    _known: Mapping[str, str] = field(default_factory=dict)
    _since: float = -math.inf
    _turn: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def connect(self) -> socket.socket:
        """Return a connection to the pod whose turn it is, or the next that can be reached.

        Raises:
            FailedError: there is none.
        """
        with self._lock:
            if time.monotonic() > self._since + FRESH:
                self._known, self._since = self.pods(), time.monotonic()
            for _ in self._known:
                self._turn += 1
                name = sorted(self._known)[self._turn % len(self._known)]
                with suppress(OSError):
                    return socket.create_connection(self._address(name), timeout=5)
        msg = f"no instance can be reached {' / '.join(self.said)}"
        raise FailedError(msg.strip())

    def _address(self, name: str) -> tuple[str, int]:
        if self._known[name]:
            return self._known[name], self.port
        if name not in self._open or self._open[name][0].poll() is not None:
            what = (f"--address={LOCAL}", f"pod/{name}", f":{self.port}")
            process = self._start("port-forward", *what)
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(rf"{LOCAL}:(\d+) ->", line)
            if not found:
                self.said.append(line.strip())
                raise OSError
            self._open[name] = (process, int(found[1]))
            # Read on, or it stops when nobody does.
            threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return LOCAL, self._open[name][1]

    def _start(self, *command: str) -> Popen[str]:
        with self._starting:
            if self._closed:  # nobody would end it
                raise OSError
            return self.stack.enter_context(self.shell.started(*self.kubectl, *command))

    def close(self) -> None:
        """Open no other way; those that are there end with the stack."""
        with self._starting:
            self._closed = True

    def _listen(self, process: Popen[str]) -> None:
        with suppress(ValueError):  # it is closed
            for line in process.stdout or ():
                if not line.startswith("Handling"):
                    self.said.append(line.strip())


@contextmanager
def reached(
    shell: Shell, kubectl: Sequence[str], port: int, pods: Callable[[], Mapping[str, str]]
) -> Iterator[str]:
    """Return a URL of these pods while the context lasts, whichever of them come and go.

    Raises:
        FailedError: none can be reached, with kubectl's words.
    """
    with ExitStack() as stack, socket.create_server((LOCAL, 0)) as door:
        ways = Ways(shell, kubectl, port, pods, stack)
        threading.Thread(target=_accept, args=(door, ways), daemon=True).start()
        url = f"http://{LOCAL}:{door.getsockname()[1]}"
        try:
            _try(url, ways)
            yield url
        finally:
            ways.close()
            with suppress(OSError):  # on a Mac, what listens is not connected
                door.shutdown(socket.SHUT_RDWR)


def _try(url: str, ways: Ways) -> None:
    try:
        httpx.get(f"{url}/livez", timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        msg = f"no instance answers: {' / '.join(ways.said) or error}"
        raise FailedError(msg) from None


def _accept(door: socket.socket, ways: Ways) -> None:
    with suppress(OSError):  # the door is closed
        while True:
            client, _ = door.accept()
            threading.Thread(target=_serve, args=(client, ways), daemon=True).start()


def _serve(client: socket.socket, ways: Ways) -> None:
    # What cannot be reached is a connection that breaks: whoever asks counts it as a failure.
    with client, suppress(FailedError), ways.connect() as pod:
        pod.settimeout(None)
        back = threading.Thread(target=_pass, args=(pod, client), daemon=True)
        back.start()
        _pass(client, pod)
        back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
