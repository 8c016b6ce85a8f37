"""The server of the tests."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import redis
from pipeline.shell import FailedError

STARTS = "from pipeline import redis\nwith redis.server() as url: print(url, flush=True); input()"


def is_reachable(url: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(url.removeprefix("unix://")) == 0


def test_it_ends_with_whoever_started_it_however_that_ends() -> None:
    environment = {name: os.environ[name] for name in os.environ if name != "TEST_REDIS_URL"}
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        env=environment | {"PYTHONPATH": "."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert is_reachable(url)
        process.kill()
    end = time.monotonic() + 10
    while Path(url.removeprefix("unix://")).parent.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not is_reachable(url)


def test_one_that_is_running_is_used_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", "redis://127.0.0.1:1")
    with redis.server() as url:
        assert url == "redis://127.0.0.1:1"


def test_one_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    with (
        pytest.raises(FailedError, match=r"(?s)-server does not start: .*no-such-option"),
        redis.started(tmp_path, "--no-such-option", "1"),
    ):
        pytest.fail("it did")
