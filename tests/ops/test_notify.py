"""Whoever NOTIFY_URLS names is told, and a deployment neither fails of it nor waits for it."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ops.ledger import Entry
from ops.notify import Message, addresses, message, send
from ops.rollout import Phase

from tests.ops.receivers import Mailbox, Webhook
from tests.ops.service import closed_port
from tests.ops.test_figures import deployment

TOLD = Message("my-service 1.2.3 on staging: deployed in 43 s", "By <somebody> & co.", "success")
SECRET = "TIiajkdnlazkcOXrIdevi7ab"
SLACK = f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}/#deployments"


@pytest.fixture
def urls(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables; nothing of this machine's network is in them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_slack_mail_and_a_webhook_are_told_at_once(
    urls: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Webhook() as slack, Webhook() as webhook, Mailbox() as mailbox:
        slack.ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        urls.setenv("HTTPS_PROXY", f"http://127.0.0.1:{slack.port}")
        urls.setenv("NO_PROXY", "127.0.0.1")
        urls.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        mail = (
            f"mailto://127.0.0.1:{mailbox.port}?from=ci@example.org&to=a@example.org,b@example.org"
        )
        urls.setenv("NOTIFY_URLS", f"{SLACK}, {mail}\njson://127.0.0.1:{webhook.port}/hook")

        send(TOLD)

    (path, said), *more = slack.received
    assert not more
    assert path == f"hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}"
    assert "my-service 1.2.3 on staging: deployed in 43 s" in str(said)
    assert said["channel"] == "#deployments"
    assert {mail["To"] for mail in mailbox.received} == {"a@example.org", "b@example.org"}
    body = mailbox.received[0].get_body(("plain", "html"))  # type: ignore[attr-defined]
    assert mailbox.received[0]["Subject"] == TOLD.title
    assert "somebody" in body.get_content()
    assert "<somebody>" not in body.get_content() or body.get_content_type() == "text/plain"
    path, said = webhook.received[0]
    assert path == "/hook"
    assert (said["title"], said["message"], said["type"]) == (TOLD.title, TOLD.body, "success")
    assert capsys.readouterr() == ("", "")


def test_who_cannot_be_told_is_a_line_without_secrets(
    urls: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        Webhook(status=500, said=f"no {SECRET}") as ill,
        Webhook() as well,
        socket.create_server(("127.0.0.1", 0)) as hanging,
    ):
        hangs = hanging.getsockname()[1]
        urls.setenv(
            "NOTIFY_URLS",
            f"json://user:{SECRET}@127.0.0.1:{ill.port} json://user:{SECRET}@127.0.0.1:{hangs}/{SECRET}\n"
            f"{SECRET} {SECRET}://x slack://{SECRET} jsons://127.0.0.1:{closed_port()}/{SECRET} "
            f"json://127.0.0.1:{well.port} json://127.0.0.1:{hangs}?rto=1",
        )
        began = time.monotonic()
        send(TOLD, seconds=3)
        took = time.monotonic() - began

    assert len(well.received) == 1
    assert took < 6
    out, err = capsys.readouterr()
    unknown = "no address of https://appriseit.com/services"
    assert not out
    assert err == (
        "warning: not everyone in NOTIFY_URLS was told: number 1: status 500; "
        f"number 2: no answer within 3 s; number 3: {unknown}; number 4: {unknown}; "
        f"number 5: {unknown}; number 6: it could not be sent; "
        "number 8: it could not be sent\n"
    )


def test_a_receiver_that_hangs_does_not_hold_up_the_end_of_the_process(
    urls: pytest.MonkeyPatch,
) -> None:
    script = (  # logging is on, as somebody's task may have it
        "import logging; logging.basicConfig(); from ops.notify import *\n"
        "send(Message('a', 'b', 'success'), 1); print('told')"
    )
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        urls.setenv("NOTIFY_URLS", f"json://127.0.0.1:{port}?rto=600 {SECRET}://x")
        urls.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "template"))
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "told\n"
    assert "number 1: no answer within 1 s" in done.stderr
    assert SECRET.lower() not in done.stderr.lower()


def test_nobody_named_is_nobody_told(
    urls: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (None, "", " ,\n"):
        urls.delenv("NOTIFY_URLS", raising=False)
        if text is not None:
            urls.setenv("NOTIFY_URLS", text)
        send(TOLD)
    assert capsys.readouterr() == ("", "")


def test_what_starts_a_task_does_not_wait_for_apprise() -> None:
    script = "import sys, ops.notify; sys.exit('apprise' in sys.modules)"
    path = {"PYTHONPATH": str(Path(__file__).parents[2] / "template")}
    subprocess.run([sys.executable, "-c", script], env=path, check=True)


def test_addresses_stand_between_spaces_commas_and_lines() -> None:
    mail = "mailto://a.example?to=b@example.org,c@example.org"
    text = f"slack://a/b/c,{mail}, json://d\n\njson://e,, xml://f"
    assert addresses(text) == ["slack://a/b/c", mail, "json://d", "json://e", "xml://f"]
    assert addresses("") == []


@pytest.mark.parametrize(
    ("entry", "previous", "title", "body"),
    [
        (
            deployment(2, 1),
            "1.2.2",
            "my-service 1.2.3 on staging: deployed in 2.0 min",
            "By somebody, from desk.\nBefore: 1.2.2.",
        ),
        (
            deployment(3, 1, action="rollback", release=1),
            "1.2.4",
            "my-service 1.2.3 on staging: serves again after 2.0 min (rolled back)",
            "By somebody, from desk.\nBefore: 1.2.4.",
        ),
        (
            deployment(2, 1, phase=Phase.FAILED, reason="failed: 2.00% failed, 1.00% may"),
            "1.2.2",
            "my-service 1.2.3 on staging: failed, 1.2.2 serves",
            "failed: 2.00% failed, 1.00% may\nBy somebody, from desk.\nBefore: 1.2.2.",
        ),
        (
            deployment(1, 1, phase=Phase.FAILED, reason="crash loop"),
            "",
            "my-service 1.2.3 on staging: failed, nothing serves",
            "crash loop\nBy somebody, from desk.\nBefore: nothing.",
        ),
        (
            deployment(2, 1, phase=Phase.REFUSED, reason="unsigned"),
            "1.2.2",
            "my-service 1.2.3 on staging: refused, nothing was touched",
            "unsigned\nBy somebody, from desk.\nBefore: 1.2.2.",
        ),
        (
            deployment(2, 1, phase=Phase.STUCK, reason="the cluster is gone"),
            "1.2.2",
            "my-service 1.2.3 on staging: needs a person, nobody knows what serves",
            "the cluster is gone\nBy somebody, from desk.\nBefore: 1.2.2.",
        ),
    ],
)
def test_the_message_says_what_became_of_it(
    entry: Entry, previous: str, title: str, body: str
) -> None:
    told = message("my-service", "staging", entry, previous)
    assert (told.title, told.body) == (title, body)
    kinds = {Phase.DEPLOYED: "success", Phase.REFUSED: "warning"}
    assert told.kind == kinds.get(entry.phase, "failure")
