"""The watch of a release in a real Prometheus: what it has seen, what it cannot know."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ops.gate import Result, Verdict, Watcher
from ops.model import Environment

from tests.ops.prometheus import Prometheus
from tests.ops.service import Service, closed_port

pytestmark = pytest.mark.e2e

SECONDS = 12.0


def environment(prometheus: str, **watch: Any) -> Environment:
    """Return one that watches for some seconds, through a Prometheus."""
    table = {"seconds": SECONDS, "prometheus": prometheus, "latency": 0.25, **watch}
    return Environment.model_validate({"name": "staging", "target": "compose", "watch": table})


def send(service: Service, total: int) -> None:
    """Let it serve so many requests, at once: a busy machine would send them after the watch."""
    for _ in range(total):
        service.serve("/v1/notes", service.delay)


def wait_for(prometheus: Prometheus, release: int, requests: int) -> None:
    """Wait until Prometheus has seen them."""
    prometheus.wait_for(f'http_requests_total{{release="{release}"}}', requests)


def nothing(*_: object) -> None:
    """Be idle."""


def restarts(service: Service, prometheus: Prometheus, release: int) -> None:
    """Serve 120, be started anew, serve 10 and then 120 more."""
    send(service, 120)
    wait_for(prometheus, release, 120)
    service.restart()
    send(service, 10)
    wait_for(prometheus, release, 10)  # past 120 again, it would look as if it had grown
    send(service, 120)


def leaks_once_known(service: Service, prometheus: Prometheus, release: int) -> None:
    """Serve 100 well, and then 100 of which two, the first of their kind, fail."""
    send(service, 100)
    wait_for(prometheus, release, 100)
    service.leak = 50
    send(service, 100)


def calls(**outcomes: int) -> Callable[[Service, Prometheus, int], None]:
    """Return a story of tool calls, each answered with 200."""

    def story(service: Service, _prometheus: Prometheus, _release: int) -> None:
        for outcome, number in outcomes.items():
            service.calls.labels("create_note", outcome).inc(number)
        send(service, 200)

    return story


@dataclass(frozen=True)
class Scenario:
    """A release, what happens to it while it is watched, and what is to be said of it."""

    story: Callable[[Service, Prometheus, int], None]
    result: Result
    said: str
    service: Mapping[str, Any] = field(default_factory=dict)
    watch: Mapping[str, Any] = field(default_factory=dict)
    before: int = 0
    """Requests before the watch, a tenth of them answered with 500."""


def serves(total: int) -> Callable[[Service, Prometheus, int], None]:
    """Return a story of so many requests."""
    return lambda service, *_: send(service, total)


SCENARIOS = {
    "healthy": Scenario(serves(200), Result.PASS, "200 requests, 0 errors, 0 slow in 12 s"),
    "leaks": Scenario(serves(200), Result.FAIL, "x status 500), 0 slow", service={"leak": 50}),
    "leaks late": Scenario(leaks_once_known, Result.PASS, "2 errors (2x status 500)"),
    "leaks below": Scenario(serves(200), Result.PASS, "2 errors", service={"leak": 100}),
    "slow": Scenario(serves(150), Result.FAIL, "took longer than 0.25 s", service={"delay": 0.3}),
    "silent": Scenario(nothing, Result.NO_DATA, "100 requests are needed: 0 requests, 0 errors"),
    "few": Scenario(serves(50), Result.NO_DATA, "100 requests are needed: 50 requests"),
    "restarts": Scenario(restarts, Result.PASS, "250 requests, 0 errors"),
    "was bad before": Scenario(serves(150), Result.PASS, "150 requests, 0 errors", before=100),
    "tools fail": Scenario(
        calls(failed=4, refused=9, ok=9), Result.FAIL, "4 errors (4x create_note failed)"
    ),
    "tools refuse": Scenario(calls(refused=90, cancelled=9), Result.PASS, "200 requests, 0 errors"),
    "wrong selector": Scenario(
        serves(200),
        Result.NO_DATA,
        'Prometheus has nothing with {slot="12"}: is watch.selector right?',
        watch={"selector": 'slot="{release}"'},
    ),
    "no selector": Scenario(
        serves(200), Result.NO_DATA, "parse error", watch={"selector": "release={release}"}
    ),
}


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, tuple[Verdict, float]]]:
    """What is said of each, and after how many seconds: all are watched at once."""
    Prometheus.required(request)
    with ExitStack() as stack:
        services = {
            number: stack.enter_context(Service(**scenario.service))
            for number, scenario in enumerate(SCENARIOS.values(), 1)
        }
        ports = {str(number): service.port for number, service in services.items()}
        folder = tmp_path_factory.mktemp("prometheus") / "data"
        prometheus = stack.enter_context(Prometheus(folder, ports))
        stories, watchers = [], {}
        for (number, service), scenario in zip(services.items(), SCENARIOS.values(), strict=True):
            if scenario.before:
                service.leak = 10
                send(service, scenario.before)
                service.leak = 0
                wait_for(prometheus, number, scenario.before)
        prometheus.wait_for("app_build_info", len(services))
        for (number, service), (name, each) in zip(
            services.items(), SCENARIOS.items(), strict=True
        ):
            watcher = Watcher(environment(prometheus.url, **each.watch), number)
            watchers[name] = stack.enter_context(closing(watcher))
            watcher.step()
            story = (service, prometheus, number)
            stories.append(threading.Thread(target=each.story, args=story))
        began = time.monotonic()
        for thread in stories:
            thread.start()
        found: dict[str, tuple[Verdict, float]] = {}
        while left := watchers.keys() - found.keys():
            for name in left:
                if verdict := watchers[name].step():
                    found[name] = verdict, time.monotonic() - began
            time.sleep(0.05)
        for thread in stories:
            thread.join()
        yield found


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_says_what_the_release_showed(
    verdicts: Mapping[str, tuple[Verdict, float]], name: str
) -> None:
    verdict, seconds = verdicts[name]

    assert verdict.result is SCENARIOS[name].result, verdict
    assert SCENARIOS[name].said in verdict.reason, verdict
    if verdict.result is Result.FAIL:
        assert seconds < SECONDS - 1  # early


def watch(where: Environment) -> Verdict:
    """Watch to the end."""
    with closing(Watcher(where, 1)) as watcher:
        while (verdict := watcher.step()) is None:
            time.sleep(0.05)
    return verdict


def test_what_is_no_prometheus_is_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "s3cret")
    gone = watch(environment(f"http://127.0.0.1:{closed_port()}", seconds=1.0))
    assert gone.result is Result.NO_DATA
    assert "nothing is known of the last 1 s: http://127.0.0.1:" in gone.reason
    assert "ConnectError" in gone.reason

    with Service() as other:  # answers JSON, but not as Prometheus does
        odd = watch(environment(other.url, seconds=1.0))
        assert odd.result is Result.NO_DATA, odd
        other.answers["/api/v1/query"] = (502, "<html>")
        login = watch(environment(other.url, seconds=1.0))
    assert "status 502, and not as Prometheus answers" in login.reason
    assert other.seen[0][2]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in gone.reason + odd.reason + login.reason


def test_a_prometheus_may_come_late_and_a_service_must_not_go_early(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    Prometheus.required(request)
    port = closed_port()
    with ExitStack() as stack:
        stays, goes = (stack.enter_context(Service()) for _ in range(2))
        where = environment(f"http://127.0.0.1:{port}", seconds=20.0)
        watchers = [stack.enter_context(closing(Watcher(where, release))) for release in (7, 8)]
        for watcher in watchers:
            assert watcher.step() is None
            assert "ConnectError" in str(watcher)
        services = {"7": stays.port, "8": goes.port}
        prometheus = stack.enter_context(Prometheus(tmp_path / "data", services, port))
        send(goes, 150)
        wait_for(prometheus, 8, 150)
        goes.stop()
        send(stays, 120)
        verdicts: list[Verdict | None] = [None, None]
        while None in verdicts:
            steps = zip(watchers, verdicts, strict=True)
            verdicts = [verdict or watcher.step() for watcher, verdict in steps]
            time.sleep(0.05)
    stayed, went = (str(verdict) for verdict in verdicts)
    assert "passed: 120 requests, 0 errors" in stayed
    assert "no data: nothing is known of the last" in went
