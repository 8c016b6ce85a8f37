"""The report on the health of an environment: what a person pastes, and what a machine goes by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from ops.health import Level, Report, Row, certificate, copies, examine
from ops.model import Environment, Instance

from tests.ops.service import Service, closed_port
from tests.ops.test_figures import deployment

WHERE = Environment.model_validate(
    {
        "name": "staging",
        "target": "compose",
        "smoke": [{"path": "/v1/notes"}],
        "watch": {"latency": 0.25},
    }
)
SERVING = deployment(7, 1, who="kim", origin="https://github.example/runs/1")
PAIR = [Instance(f"app-{n}", release=7, ready=True, restarts=0, live=True) for n in range(2)]


def level(report: Report, check: str) -> tuple[Level, str]:
    """Return what was found of one thing."""
    return next((row.level, row.detail) for row in report.rows if row.check == check)


def test_a_healthy_environment_is_a_table_to_paste() -> None:
    with Service() as service:
        report = examine(WHERE, service.url, PAIR, SERVING)

    assert report.healthy, str(report)
    assert {row.level for row in report.rows} == {Level.OK}
    lines = str(report).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        *("/livez", "/readyz", "/health", "response times", "instances", "version", "deployed")
    ]
    assert "200 in" in lines[2]
    assert level(report, "response times")[1].endswith("of 20x /v1/notes")
    assert level(report, "instances")[1] == "2 of 2 ready, 0 restarts, release 7"
    assert level(report, "version") == (Level.OK, "1.2.3")
    told = level(report, "deployed")[1]
    assert told.startswith("1.2.3, release 7, deploy of 2026-06-30 11:02 UTC by kim from https://")


def test_a_tag_that_moves_is_no_version_to_expect() -> None:
    """What `inv deploy --version 1.2` deployed says that it is 1.2.3."""
    serving = replace(SERVING, version="1.2")
    with Service() as service:
        report = examine(WHERE, service.url, PAIR, serving, expected="1.2.3")
        wrong = examine(WHERE, service.url, PAIR, serving, expected="1.2.4")
    assert level(report, "version") == (Level.OK, "1.2.3")
    assert level(wrong, "version") == (Level.FAIL, "1.2.3 answers, 1.2.4 should")


def test_what_is_ill_is_named_and_fails() -> None:
    answers = {"/readyz": (503, "{}")}
    with Service(answers=answers, leak=4, version="1.2.2") as service:
        report = examine(WHERE, service.url, PAIR[:1], SERVING)

    assert not report.healthy
    assert level(report, "/livez")[0] is Level.OK
    assert level(report, "/readyz")[0] is Level.FAIL
    assert "503 in" in level(report, "/readyz")[1]
    assert level(report, "response times")[0] is Level.FAIL
    assert level(report, "response times")[1].endswith("; 5x status 500")
    assert level(report, "version") == (Level.FAIL, "1.2.2 answers, 1.2.3 should")
    assert level(report, "instances") == (Level.FAIL, "1 of 2 ready, 0 restarts, release 7")


def test_nobody_there_is_told_row_by_row() -> None:
    report = examine(WHERE, f"http://127.0.0.1:{closed_port()}", [], None)

    assert not report.healthy
    for check in ("/livez", "/readyz", "/health", "response times", "version"):
        assert level(report, check)[0] is Level.FAIL
        assert "ConnectError" in level(report, check)[1]
    assert level(report, "instances") == (Level.FAIL, "0 of 2 ready, 0 restarts, release none")
    assert level(report, "deployed") == (Level.WARN, "nothing is recorded that serves")


def test_what_is_slow_or_was_restarted_is_a_warning() -> None:
    restarted = [
        *PAIR,
        Instance("app-3", release=7, ready=True, restarts=2, live=True),
        Instance("app-4", release=6, ready=True, restarts=9, live=False),
    ]
    with Service(delay=0.3) as service:
        report = examine(WHERE, service.url, restarted, SERVING)

    assert report.healthy
    assert level(report, "response times")[0] is Level.WARN
    said = "3 of 3 ready, 2 restarts, release 7, 1 beside"
    assert level(report, "instances") == (Level.WARN, said)
    other = Instance("app-5", release=8, ready=True, restarts=0, live=True)
    assert copies(WHERE, [PAIR[0], other]).detail.endswith("release 7, 8")


@pytest.mark.parametrize(
    ("days", "expected", "said"),
    [
        (100, Level.OK, "expires in 99 days, on "),
        (20, Level.WARN, "expires in 19 days, on "),
        (6, Level.FAIL, "expires in 5 days, on "),
        (-1, Level.FAIL, "its certificate is not valid: certificate has expired"),
    ],
)
def test_certificates_are_warned_of_in_time(
    days: int, expected: Level, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    end = datetime.now(UTC) + timedelta(days=days)
    with Service(certificate=authority.issue_cert("localhost", not_after=end)) as service:
        report = examine(WHERE, service.url, PAIR, SERVING)
    found, told = level(report, "certificate")
    assert (found, told[: len(said)]) == (expected, said), str(report)
    assert report.healthy == (expected is not Level.FAIL)


def test_a_certificate_of_nobody_known_fails() -> None:
    with Service(certificate=trustme.CA().issue_cert("localhost")) as service:
        row = certificate(service.url)
        unsaid = certificate(service.url.replace("localhost", "127.0.0.1"))
    assert row == Row(
        "certificate",
        Level.FAIL,
        "its certificate is not valid: unable to get local issuer certificate",
    )
    assert unsaid.level is Level.FAIL
    assert "ConnectionRefusedError" in certificate(f"https://localhost:{closed_port()}").detail
