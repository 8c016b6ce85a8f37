"""What a deployment does when its own things fail: its ledger, its terminal, its lock, its words.

The target is one that does at once what it is told, for what is tried here is not about it; its
store is really there.
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from ops import deployment
from ops.deployment import Code
from ops.ledger import Entry, Ledger
from ops.lock import NAME, Lease, Lock
from ops.model import BACK, Environment, Progress, Release, Rollout
from ops.place import Place
from ops.preflight import tag_of
from ops.rollout import Phase, State
from ops.shell import Shell
from ops.targets import Store, Target
from ops.targets.compose.host import Files, Host

from tests.ops.unsure import Unsure

THEN = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Obedient:
    """`ops.targets.Target`, as far as a rollback and an abort need one."""

    store: Store
    ready: bool = True
    told: list[str] = field(default_factory=list)

    def check(self) -> None:
        """It is there."""

    def begin(self, _: Rollout) -> None:
        self.told.append("begin")

    def promote(self, _: Rollout) -> None:
        self.told.append("promote")

    def finish(self, _: Rollout) -> None:
        self.told.append("finish")

    def abort(self, _: Rollout) -> None:
        self.told.append("abort")

    def observe(self, rollout: Rollout) -> Progress:
        return Progress(rollout.share, 1, 1, settled=self.ready)

    def restored(self, _: Rollout) -> Progress:
        return Progress(100, 1, 1, settled=True)


@dataclass
class Desk:
    """An environment where releases 1 and 2 have served, and 2 does."""

    target: Obedient
    store: Unsure

    @property
    def place(self) -> Place:
        """What a new run opens."""
        environment = Environment.model_validate(
            {"name": "staging", "target": "compose", "lease": 2}
        )
        return Place(environment, cast("Target", self.target), Ledger(self.store))

    @property
    def last(self) -> Entry:
        return self.place.ledger.entries()[-1]


def entry(number: int, phase: Phase, previous: int | None, reason: str = "") -> Entry:
    return Entry(
        number=number,
        action="rollback" if number > 2 else "deploy",
        release=number if number <= 2 else 1,
        version=f"{number}.0.0",
        image="",
        commit="",
        committed=None,
        who="Ada",
        origin="her desk",
        began=THEN,
        ended=THEN,
        strategy=BACK,
        state=State(phase, reason=reason),
        previous=previous,
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return an environment in a folder of this machine."""
    monkeypatch.setattr(deployment, "project", lambda: {"project": {"name": "notes"}})
    for name in ("GITHUB_RUN_ID", "GITHUB_STEP_SUMMARY", "NOTIFY_URLS"):
        monkeypatch.delenv(name, raising=False)
    store = Unsure(Files(Host(Shell()), str(tmp_path / "documents")))
    ledger = Ledger(store)
    for number in (1, 2):
        ledger.add(entry(number, Phase.DEPLOYED, number - 1 or None))
        ledger.keep(Release(number, f"{number}.0.0", "image", "{}"), None)
    return Desk(Obedient(store), store)


def test_what_is_not_kept_any_more_is_refused_and_not_gone_back_from(desk: Desk) -> None:
    release = desk.store.read("release-000001")
    assert release
    desk.store.delete("release-000001", release.revision)
    assert deployment.rollback(desk.place, "1.0.0") is Code.REFUSED
    assert desk.last.phase is Phase.REFUSED
    assert "release 1 is not kept" in desk.last.reason
    assert desk.target.told == []


def test_a_terminal_that_is_closed_is_a_reason_to_go_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(_: Rollout) -> Progress:
        os.kill(os.getpid(), signal.SIGHUP)
        return Progress(0, 0, 1, settled=False)

    monkeypatch.setattr(desk.target, "observe", hang_up)
    reader, writer = os.pipe()
    os.close(reader)
    before = signal.signal(signal.SIGHUP, lambda *_: None)  # nohup would have it ignored
    with os.fdopen(writer, "w", closefd=True) as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        code = deployment.rollback(desk.place, "")
        monkeypatch.undo()
        signal.signal(signal.SIGHUP, before)
        with pytest.raises(BrokenPipeError):
            gone.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    assert code is Code.FAILED
    assert desk.last.reason == "stopped by SIGHUP"
    assert desk.target.told == ["begin", "abort"]


def test_what_nobody_thought_of_is_a_reason_to_go_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an answer of the target that makes no sense."""
    answer: dict[str, str] = {}
    monkeypatch.setattr(desk.target, "promote", lambda _: answer["status"])
    assert deployment.rollback(desk.place, "") is Code.FAILED
    assert desk.last.reason == "unexpected: KeyError('status')"
    assert desk.target.told == ["begin", "abort"]
    assert "Traceback" in capsys.readouterr().err


def test_an_outcome_is_recorded_though_the_target_was_away_for_a_moment(desk: Desk) -> None:
    refused: list[str] = []

    def away(text: str) -> bool:
        if '"deployed"' in text and len(refused) < 2:
            refused.append(text)
            return True
        return False

    desk.store.away = away
    assert deployment.rollback(desk.place, "") is Code.DONE
    assert desk.last.phase is Phase.DEPLOYED
    assert len(refused) == 2


def test_what_became_of_it_is_told_though_the_release_before_is_out_of_reach(desk: Desk) -> None:
    failed = replace(entry(3, Phase.FAILED, 9), version="3.0.0")
    assert deployment.told(desk.place, failed).startswith("3.0.0 failed on staging, and release 9")


def interrupted(desk: Desk, phase: Phase) -> None:
    """Leave an entry as somebody does who is killed now."""
    now = datetime.now(UTC)
    desk.place.ledger.add(entry(3, phase, 2))
    lease = Lease("Ada", "her desk", "rollback", now, now, 5, "killed")
    desk.store.write(NAME, lease.dump(), None)


@pytest.mark.parametrize(
    ("phase", "then"), [(Phase.SETTLING, Phase.FAILED), (Phase.PENDING, Phase.REFUSED)]
)
def test_what_was_killed_a_moment_ago_is_taken_back(
    desk: Desk, capsys: pytest.CaptureFixture[str], phase: Phase, then: Phase
) -> None:
    interrupted(desk, phase)
    assert deployment.abort(desk.place) is Code.DONE
    assert desk.last.phase is then
    assert desk.last.reason.startswith("aborted by ")
    assert "is at work, and is asked to go back" in capsys.readouterr().out
    assert desk.store.read(NAME) is None


def test_one_who_is_asked_to_stop_while_checking_has_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the clock of one who is at work may be behind by hours."""
    with Lock(desk.store, "Ada", "her desk", "deploy", 2) as held:
        held._lease = replace(held._lease, since=THEN)
        ledger = desk.place.ledger
        ledger.add(entry(3, Phase.PENDING, 2))

        def stop() -> None:
            ledger.update(entry(3, Phase.REFUSED, 2, reason="aborted by Bob"))
            held.__exit__(None, None, None)

        threading.Timer(3, stop).start()
        monkeypatch.setattr(Lease, "has_expired", lambda *_: False)
        assert deployment.abort(desk.place) is Code.DONE
    assert desk.last.reason == "aborted by Bob"


def test_who_has_no_name_is_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container that runs as a user of whom its files say nothing."""

    def nobody() -> str:
        msg = "getpwuid(): uid not found: 12345"
        raise KeyError(msg)

    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(deployment, "getuser", nobody)
    assert deployment.asker()[0] == f"user {os.getuid()}"


@pytest.mark.parametrize(
    ("version", "tag"),
    [("v1.2.3", "1.2.3"), ("1.2.3", "1.2.3"), ("vnext-1a2b3c4", "vnext-1a2b3c4")],
)
def test_only_a_version_loses_its_v(version: str, tag: str) -> None:
    assert tag_of(version) == tag
