"""The port that leads to pods: to each in turn, for as long as it is open."""

import socket
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack

import httpx
import pytest
from ops.shell import Shell
from ops.targets.kubernetes import forward
from ops.targets.kubernetes.forward import Ways, reached
from pipeline.shell import FailedError

from tests.ops.service import Service, closed_port


def port_of(service: Service) -> int:
    return httpx.URL(service.url).port or 80


def test_pods_are_reached_at_their_addresses_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forward, "FRESH", 60.0)  # longer than this takes on a busy machine
    asked = []

    def pods() -> Mapping[str, str]:
        asked.append(1)
        return {"a": "127.0.0.1", "b": "127.0.0.1"}

    with Service() as service, reached(Shell(), ("kubectl",), port_of(service), pods) as url:
        for _ in range(4):
            assert httpx.get(f"{url}/readyz").status_code == 200
    assert len(asked) == 1, "what is known is believed for a while"
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/readyz")


def test_where_nobody_is_reached_that_is_told() -> None:
    pods = {"a": "127.0.0.1"}
    with (
        pytest.raises(FailedError, match="no instance answers"),
        reached(Shell(), ("kubectl",), closed_port(), lambda: pods),
    ):
        pass


def test_on_a_mac_what_listens_cannot_be_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    shut_down = socket.socket.shutdown

    def as_there(self: socket.socket, how: int) -> None:
        shut_down(self, how)
        self.getpeername()  # OSError: it is not connected

    monkeypatch.setattr(socket.socket, "shutdown", as_there)
    pods = {"a": "127.0.0.1"}
    with Service() as service, reached(Shell(), ("kubectl",), port_of(service), lambda: pods):
        pass


def test_nothing_is_started_once_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    started, start = [], Shell.started

    def fail(shell: Shell, *command: str) -> AbstractContextManager[subprocess.Popen[str]]:
        started.append(command)
        return start(shell, "false")

    monkeypatch.setattr(Shell, "started", fail)
    with ExitStack() as stack:
        ways = Ways(Shell(), ("kubectl",), 8000, lambda: {"a": ""}, stack)
        with pytest.raises(FailedError):
            ways.connect()
        assert len(started) == 1
        ways.close()
        with pytest.raises(FailedError):
            ways.connect()
    assert len(started) == 1
