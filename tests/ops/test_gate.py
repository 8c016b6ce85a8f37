"""Gates: they pass what is good, fail what is bad, and never pass what nobody has seen."""

import ast
import math
import re
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from ops import gate
from ops.gate import Result, Verdict, Watcher, judge
from ops.model import Environment, Watch
from ops.rollout import Done, Trouble
from ops.traffic import PROBES, Counts, Seen, slower
from pipeline.shell import FailedError

from tests.ops.service import Service, closed_port

SOURCE = Path(__file__).parents[2] / "template/src/{{package_name}}/probes.py"
TRAFFIC = {"path": "/v1/notes"}


def environment(*smoke: dict[str, str], **watch: Any) -> Environment:
    """Return a valid environment; with less to wait for than a real one."""
    table = {
        "name": "staging",
        "target": "compose",
        "deadline": 60.0,
        "smoke": list(smoke or (TRAFFIC, {"path": "/readyz"})),
        "watch": {"seconds": 3.0, "requests": 20, **watch},
    }
    return Environment.model_validate(table)


def watched(where: Environment, release: int = 7, url: str = "") -> tuple[Verdict, float]:
    """Watch to the end; return the verdict and how many seconds it took."""
    began = time.monotonic()
    with closing(Watcher(where, release, url)) as watcher:
        while (verdict := watcher.step()) is None:
            time.sleep(0.05)
    return verdict, time.monotonic() - began


# What decides


class TestJudge:
    watch = Watch(seconds=300, requests=100, error_rate=0.01, latency=1)

    @pytest.mark.parametrize(
        ("seen", "elapsed", "result", "said"),
        [
            (Seen(100, 1, 1, until=300), 300, Result.PASS, "100 requests, 1 errors, 1 slow in 300"),
            (Seen(1000, 0, 0, until=290), 300, Result.PASS, "1000 requests"),
            (Seen(99, 0, 0, until=300), 300, Result.NO_DATA, "100 requests are needed: 99"),
            (Seen(0, 0, 0, until=300), 300, Result.NO_DATA, "0 requests, 0 errors"),
            (Seen(500, 0, 0, until=200), 300, Result.NO_DATA, "nothing is known of the last 100 s"),
            (Seen(500, 0, 0, until=200, trouble="gone"), 300, Result.NO_DATA, "100 s: gone"),
            (Seen(50, 2, 0, until=10), 10, Result.FAIL, "4.00% failed, 1.00% may"),  # of 100: 2 %
            (Seen(200, 3, 0, until=10), 10, Result.FAIL, "1.50% failed"),
            (Seen(200, 0, 3, until=10), 10, Result.FAIL, "took longer than 1 s"),
            (Seen(200, 3, 0, until=10, trouble="gone"), 300, Result.FAIL, "1.50% failed"),
            (Seen(50, 1, 0, until=10), 10, None, ""),  # 99 good ones may follow
            (Seen(100000, 0, 0, until=10), 299.9, None, ""),
            (Seen(), 0, None, ""),
        ],
    )
    def test_it_has_three_values_and_the_numbers(
        self, seen: Seen, elapsed: float, result: Result | None, said: str
    ) -> None:
        verdict = judge(self.watch, seen, elapsed)

        assert (verdict.result if verdict else None) is result
        assert verdict is None or said in verdict.reason, verdict

    def test_a_limit_that_floats_is_met_exactly(self) -> None:
        watch = Watch(seconds=10, requests=100, error_rate=0.29)
        assert judge(watch, Seen(100, 29, until=10), 10) == Verdict(
            Result.PASS, "100 requests, 29 errors, 0 slow in 10 s"
        )

    @given(
        requests=st.integers(0, 1000),
        bad=st.floats(0, 1),
        slow=st.floats(0, 1),
        until=st.floats(0, 1),
        elapsed=st.floats(0, 400),
    )
    def test_nothing_passes_that_was_not_seen_to_be_good(
        self, requests: int, bad: float, slow: float, until: float, elapsed: float
    ) -> None:
        seen = Seen(requests, int(requests * bad), int(requests * slow), until=until * elapsed)
        verdict = judge(self.watch, seen, elapsed)

        if verdict and verdict.result is Result.PASS:
            assert elapsed >= 300
            assert requests >= 100
            assert max(seen.errors, seen.slow) <= requests * 0.01
            assert elapsed - seen.until <= 90
        if verdict is None:
            assert elapsed < 300

    @given(requests=st.integers(0, 99), errors=st.integers(0, 99), more=st.integers(0, 100))
    def test_what_fails_early_would_have_failed_later(
        self, requests: int, errors: int, more: int
    ) -> None:
        errors = min(errors, requests)
        early = judge(self.watch, Seen(requests, errors, until=1), 1)
        more = min(more, 100 - requests)
        later = judge(self.watch, Seen(requests + more, errors, until=300), 300)

        assert early is None or (later and later.result is Result.FAIL)

    def test_only_a_pass_goes_on(self) -> None:
        assert Verdict(Result.PASS, "good").event == Done()
        assert Verdict(Result.FAIL, "bad").event == Trouble("failed: bad")
        assert Verdict(Result.NO_DATA, "dark").event == Trouble("no data: dark")


LABELS = {"__name__": "http_requests_total", "status": "200", "instance": "a"}


class TestCounts:
    @given(
        before=st.integers(0, 50),
        steps=st.lists(st.one_of(st.integers(0, 9), st.just(-1)), max_size=20),
        looks=st.lists(st.integers(0, 20), max_size=5),
        known=st.booleans(),
    )
    def test_every_request_counts_once_whatever_is_asked_when(
        self, before: int, steps: list[int], looks: list[int], known: bool
    ) -> None:
        """-1 is a restart of the process, which counts from 0 again."""
        first = (100.0, before) if known else (101.0, 0)
        samples, total = [(first[0], float(first[1]))], 0
        for index, step in enumerate(steps):
            value = 0.0 if step < 0 else samples[-1][1] + step
            samples.append((102.0 + index, value))
            total += max(step, 0)
        told = [(moment, str(value)) for moment, value in samples]
        counts = Counts()
        counts.start = 100.5
        last = 0
        for look in [*sorted(looks), len(told)]:  # each asks for what the one before saw, too
            counts.add(LABELS, told[max(0, last - 3) : look])
            last = min(look, len(told))

        assert counts.seen(1).requests == total

    def test_the_first_sample_of_a_new_series_counts(self) -> None:
        counts = Counts()
        counts.start = 100
        counts.add(LABELS, [(101, "40")])
        counts.add(LABELS | {"status": "500"}, [(130, "2")])
        counts.add(LABELS | {"status": "499"}, [(130, "5")])
        counts.add({"__name__": "app_build_info"}, [(131, "1")])

        seen = counts.seen(1)
        assert (seen.requests, seen.errors, seen.until) == (47, 2, 31)
        assert seen.kinds == {"status 500": 2}

    @pytest.mark.parametrize(
        ("latency", "slow"),
        [(1, 3), (0.5, 10), (0.75, 6.5), (2.5, 1), (100, 1), (0.1, 90), (0.05, 95)],
    )
    def test_slow_ones_are_counted_by_the_histogram(self, latency: float, slow: float) -> None:
        within = {0.1: 10.0, 0.5: 90.0, 1.0: 97.0, 2.5: 99.0, math.inf: 100.0}
        assert slower(within, latency) == pytest.approx(slow)
        assert slower({}, latency) == 0


# What asks


def test_the_probes_are_those_of_the_service() -> None:
    found = re.search(r"^PROBES = frozenset\((\{.*\})\)$", SOURCE.read_text(), re.MULTILINE)
    assert found
    assert ast.literal_eval(found[1]) == PROBES


def test_what_gates_need_is_asked_for_before_anything_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = {"path": "/mcp", "method": "POST", "token": "GATE_TOKEN"}
    monkeypatch.delenv("GATE_TOKEN", raising=False)
    assert gate.missing_tokens(environment(call, call)) == ["GATE_TOKEN"]
    with pytest.raises(
        FailedError, match=r"GATE_TOKEN is not set, and deploy/environments\.toml: "
    ):
        gate.check(environment(call))

    monkeypatch.setenv("GATE_TOKEN", "s3cret")
    gate.check(environment(call))
    gate.check(environment({"path": "/health"}, prometheus="http://prometheus"))
    with pytest.raises(FailedError, match="only probes, which are no traffic"):
        gate.check(environment({"path": "/health?full"}))


@pytest.mark.parametrize(
    ("expected", "served", "wrong"),
    [
        ("1.2.3", "1.2.3", ""),
        ("1.2.3", "1.2.3+abc1234", ""),
        ("1.2.0-rc.1", "1.2.0rc1", ""),
        ("main", "1.2.3+abc1234", ""),
        ("1.2.3+abc1234", "1.2.3", "1.2.3 answers, 1.2.3+abc1234 should"),
        ("1.2.4", "1.2.3+abc1234", "1.2.3+abc1234 answers, 1.2.4 should"),
    ],
)
def test_smoke_asks_for_the_version(expected: str, served: str, wrong: str) -> None:
    with Service(version=served) as service:
        verdict = gate.smoke(environment(), service.url, expected)

    assert verdict.result is (Result.FAIL if wrong else Result.PASS), verdict
    assert (wrong or f"by {served}") in verdict.reason
    assert [path for _, path, _ in service.seen] == ["/v1/notes", "/readyz", "/health"]


def test_smoke_names_everything_that_is_not_answered() -> None:
    answers = {"/v1/notes": (404, "{}"), "/readyz": (503, "{}")}
    with Service(answers=answers) as service:
        verdict = gate.smoke(environment(), service.url, "1.2.3")
    assert verdict.result is Result.FAIL
    assert verdict.reason == "GET /v1/notes: status 404; GET /readyz: status 503"

    for said in ('{"status": "ok"}', "<html>", "[]"):
        with Service(answers={"/health": (200, said)}) as service:
            verdict = gate.smoke(environment(), service.url, "1.2.3")
        assert str(verdict) == "failed: GET /health: status 200, and no version in it"

    verdict = gate.smoke(environment(), f"http://127.0.0.1:{closed_port()}", "1.2.3")
    assert "GET /v1/notes: ConnectError" in verdict.reason


@pytest.mark.parametrize("ill", ["", "expired", "stranger", "other name"])
def test_smoke_names_what_is_wrong_with_a_certificate(
    ill: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, stranger = trustme.CA(), trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    end = datetime.now(UTC) - timedelta(days=1) if ill == "expired" else None
    issuer = stranger if ill == "stranger" else trusted
    name = "other.example" if ill == "other name" else "localhost"
    with Service(certificate=issuer.issue_cert(name, not_after=end)) as service:
        verdict = gate.smoke(environment(), service.url, "1.2.3")

    said = {
        "": "by 1.2.3",
        "expired": "certificate is not valid: certificate has expired",
        "stranger": "certificate is not valid: unable to get local issuer certificate",
        "other name": "certificate is not valid: Hostname mismatch",
    }
    assert verdict.result is (Result.FAIL if ill else Result.PASS), verdict
    assert said[ill] in verdict.reason


def test_integration_runs_the_tests_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pytest.ini").write_text("[pytest]\n")
    Path("tests/integration").mkdir(parents=True)
    test = Path("tests/integration/test_it.py")
    test.write_text(
        "import os, httpx\ndef test_it():\n"
        "    assert httpx.get(os.environ['SERVICE'] + '/v1/notes').status_code == 200\n"
    )
    with Service() as service:
        verdict = gate.integration(environment(), service.url)
        assert str(verdict).startswith("passed: tests/integration: 1 passed in")

        service.leak = 1
        verdict = gate.integration(environment(), service.url)
        assert verdict.result is Result.FAIL
        assert "assert 500 == 200" in verdict.reason
        assert verdict.reason.splitlines()[-1].startswith("1 failed in")

        test.unlink()
        verdict = gate.integration(environment(), service.url)
        assert verdict.result is Result.FAIL
        assert "no tests ran" in verdict.reason

        test.write_text("import time\ndef test_it(): time.sleep(60)\n")
        impatient = environment().model_copy(update={"deadline": 1.0})
        verdict = gate.integration(impatient, service.url)
        assert "did not answer within 1 s" in verdict.reason


# Requests of our own


def test_own_requests_pass_what_answers_them_all_and_soon() -> None:
    with Service() as service:
        verdict, took = watched(environment(), url=service.url)

    assert verdict.result is Result.PASS, verdict
    assert took >= 3
    assert {path for _, path, _ in service.seen} == {"/v1/notes"}  # no probe is traffic
    assert 20 <= service.counted <= 45


@pytest.mark.parametrize(
    ("ill", "watch", "said"),
    [
        ({"leak": 50}, {"seconds": 30.0, "requests": 400}, "status 500)"),
        ({"delay": 0.3}, {"seconds": 60.0, "latency": 0.2}, "took longer than 0.2 s"),
        ({"delay": 9.0}, {"seconds": 8.0, "latency": 0.2}, "took longer than 0.2 s"),
        ({"answers": {"/v1/notes": (401, "{}")}}, {"seconds": 60.0}, "status 401)"),
    ],
    ids=["leaks", "slow", "hangs", "refuses"],
)
def test_own_requests_fail_early_what_is_ill(
    ill: dict[str, Any], watch: dict[str, Any], said: str
) -> None:
    with Service(**ill) as service:
        verdict, took = watched(environment(**watch), url=service.url)
        service.delay = 0

    assert verdict.result is Result.FAIL, verdict
    assert said in verdict.reason
    assert took < watch["seconds"]


def test_own_requests_fail_a_release_that_dies() -> None:
    with (
        Service() as service,
        closing(Watcher(environment(seconds=60.0), 7, service.url)) as watcher,
    ):
        while service.counted < 20:
            assert watcher.step() is None
            time.sleep(0.05)
        service.stop()
        while (verdict := watcher.step()) is None:
            assert "60 s" in str(watcher)
            time.sleep(0.05)
    assert verdict.result is Result.FAIL, verdict
    assert "Error" in verdict.reason


def test_probes_alone_are_no_data() -> None:
    with Service() as service:
        verdict, _ = watched(environment({"path": "/readyz"}, seconds=0.5), url=service.url)
    assert str(verdict) == "no data: 20 requests are needed: 0 requests, 0 errors, 0 slow"
