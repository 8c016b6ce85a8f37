"""The server of the tests."""

from pathlib import Path

import pytest

from pipeline import redis
from pipeline.shell import FailedError


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
