"""Credentials that a pipeline holds as texts: tools find them, and nothing is left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ops import credentials
from pipeline.shell import FailedError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home, with no credentials anywhere."""
    for name in ("KUBECONFIG_DATA", "SSH_KNOWN_HOSTS", "SSH_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def key_in(folder: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the pipeline", "-f"]
    subprocess.run([*command, folder / "key"], check=True)
    return (folder / "key").read_text(encoding="utf-8")


def test_at_a_desk_nothing_is_made(home: Path) -> None:
    assert credentials.found() == {}
    assert list(home.iterdir()) == []


def test_tools_find_what_the_pipeline_holds_and_nothing_is_left(home: Path) -> None:
    script = """
import os, subprocess
from ops.credentials import found
more = found()
print(open(more["KUBECONFIG"]).read(), oct(os.stat(os.path.dirname(more["KUBECONFIG"])).st_mode))
print(subprocess.run(["ssh-add", "-l"], env={**os.environ, **more}, capture_output=True).stdout)
print(more["KUBECONFIG"], more["SSH_AGENT_PID"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "template"), str(ROOT)]),
            "KUBECONFIG_DATA": "kind: Config",
            "SSH_PRIVATE_KEY": key_in(home),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert first == "kind: Config 0o40700"
    assert "the pipeline (ED25519)" in second
    kubeconfig, agent = third.split()
    assert not Path(kubeconfig).parent.exists()
    end = time.monotonic() + 5
    while state_of(agent) not in ("", "Zs"):  # a zombie: nobody has looked yet how it ended
        assert time.monotonic() < end
        time.sleep(0.05)


def state_of(process: str) -> str:
    """Return what `ps` calls the state of a process; empty if it is gone."""
    ask = ["ps", "-o", "stat=", process]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.usefixtures("home")
def test_a_key_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", "nonsense")
    with pytest.raises(FailedError, match="SSH_PRIVATE_KEY is no key without a passphrase"):
        credentials.found()


@pytest.mark.parametrize("token", ["two\nlines", "a b", "s3cr\u00e9t"])
def test_what_is_no_token_is_told_without_a_word_of_it(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_TOKEN", token)
    with pytest.raises(FailedError) as refusal:
        credentials.bearer("SMOKE_TOKEN")
    assert str(refusal.value).startswith("SMOKE_TOKEN is no token: it must be one word")
    assert token not in str(refusal.value)


def test_a_token_of_a_file_may_end_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the answer to each request would be an error that has the token in it."""
    monkeypatch.setenv("SMOKE_TOKEN", "s3cret\n")
    assert credentials.bearer("SMOKE_TOKEN") == {"Authorization": "Bearer s3cret"}
    monkeypatch.delenv("SMOKE_TOKEN")
    assert credentials.bearer("SMOKE_TOKEN") == {}


def test_hosts_are_known_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = home / ".ssh/known_hosts"
    monkeypatch.setenv("SSH_KNOWN_HOSTS", "a ssh-ed25519 AAAA\n\n")
    for _ in range(2):
        credentials.found()
    assert known.read_text(encoding="utf-8") == "a ssh-ed25519 AAAA\n"
    monkeypatch.setenv("SSH_KNOWN_HOSTS", "a ssh-ed25519 AAAA\nb ssh-ed25519 BBBB")
    credentials.found()
    assert known.read_text(encoding="utf-8") == "a ssh-ed25519 AAAA\nb ssh-ed25519 BBBB\n"
