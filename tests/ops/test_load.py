"""Load: what is sent, how fast, and what is told of what came."""

import json
import os
import signal
import threading
import time

import pytest
from ops.load import TIMEOUT, Load, asking, loadtest, percentile
from ops.model import Request
from pipeline.shell import FailedError

from tests.ops.service import Service, closed_port

NOTES = Request(path="/v1/notes")


def test_a_load_test_sends_as_many_as_asked_over_as_many_connections() -> None:
    with Service(delay=0.01) as service:
        result = loadtest(service.url, 200, 8, request=NOTES)

    assert service.counted == 200
    assert len(service.connections) == 8  # kept alive
    assert result.requests == 200
    assert not result.errors
    assert 10 <= result.p50 <= result.p95 <= result.p99
    assert not result.breaches
    assert "passed" in str(result)


def test_a_load_test_fails_by_its_thresholds() -> None:
    with Service(leak=10, delay=0.02) as service:
        result = loadtest(service.url, 100, 10, request=NOTES, p95=0.001)

    assert result.errors == {"status 500": 10}
    assert result.breaches[0] == "10.00% went wrong, 1.00% may"
    assert "p95 is" in result.breaches[1]
    assert "1 ms may be" in result.breaches[1]
    assert "10: 10x status 500" in str(result)


def test_a_rate_is_held_and_not_exceeded() -> None:
    with Service() as service:
        began = time.monotonic()
        loadtest(service.url, 50, 10, rate=50, request=NOTES)
        assert time.monotonic() - began >= 0.98  # the last is due after 49 / 50 s


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"requests": 0}, "requests must be from 1 to 1000000 (got 0)"),
        ({"concurrency": 501}, "concurrency must be from 1 to 500 (got 501)"),
        ({"rate": 0.0}, "rate must be more than 0 (got 0.0)"),
        ({"rate": float("inf")}, "rate must be more than 0"),
        ({"rate": float("nan")}, "rate must be more than 0"),
        ({"error_rate": 1.1}, "error_rate must be from 0 to 1 (got 1.1)"),
        ({"p95": -1.0}, "p95 must be more than 0 (got -1.0)"),
        ({"url": "ftp://localhost"}, "url must begin with http:// or https://"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(FailedError) as refused:
        loadtest(**{"url": "http://localhost", **arguments})  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_who_stops_it_is_told_what_came_until_then() -> None:
    with Service() as service:
        stop = threading.Thread(target=interrupt_after, args=(service, 20))
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # workers ignore it
        stop.start()
        result = loadtest(service.url, 100_000, rate=200, request=NOTES)
        stop.join()
        signal.signal(signal.SIGINT, before)
    assert 20 <= result.requests < 100_000
    assert result.breaches == [f"stopped after {result.requests} of 100000 requests"]


def interrupt_after(service: Service, requests: int) -> None:
    """Do as Ctrl-C does, once a service has counted so many."""
    while service.counted < requests:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_lost_is_counted() -> None:
    with Service() as service, Load(service.url, [NOTES], rate=200, concurrency=4) as load:
        while len(load.answers) < 50:
            time.sleep(0.01)
        assert not load.troubles
        service.stop()
        while not load.troubles:
            time.sleep(0.01)
    assert all("Error" in trouble for trouble in load.troubles)
    assert len(load.answers) - sum(load.troubles.values()) == service.counted
    assert not load.waiting


def test_nobody_there_and_nobody_who_answers_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    result = loadtest(f"http://127.0.0.1:{closed_port()}", 5)
    assert result.errors == {"ConnectError All connection attempts failed": 5}
    assert result.rate == 0

    monkeypatch.setattr("ops.load.TIMEOUT", 0.3)
    with Service(delay=TIMEOUT) as service:
        result = loadtest(service.url, 2, request=NOTES)
        service.delay = 0
    assert result.errors == {"no answer within 0.3 s": 2}


def test_a_proxy_of_the_environment_is_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    with Service() as service:
        assert not loadtest(service.url, 2).errors


def test_what_mcp_answers_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_FOR_TEST", "s3cret")
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    call = Request(path="/mcp", method="POST", body=body, token="TOKEN_FOR_TEST")
    failures = [{"result": {"isError": True}}, {"error": {"code": -32603}}]
    for said in [*failures, {"result": {"tools": []}}]:
        with Service(answers={"/mcp": (200, json.dumps(said))}) as service:
            result = loadtest(service.url, 1, request=call)
        assert bool(result.errors) == (said in failures)
    method, path, headers = service.seen[0]
    assert (method, path, headers["authorization"]) == ("POST", "/mcp", "Bearer s3cret")
    assert headers["content-type"] == "application/json"


def test_what_is_no_path_is_told() -> None:
    assert asking("/v1/notes") == NOTES
    with pytest.raises(FailedError, match=r"path must be a path like /readyz \(got 'readyz'\)"):
        asking("readyz")


def test_a_percentile_is_a_value_that_was_there() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([*range(1, 101)], 0.99) == 99
    assert percentile([7], 0.01) == 7
