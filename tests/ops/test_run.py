"""What a deployment does when its own things fail: its ledger, its terminal, its lock, its words.

The target is one that does at once what it is told, for what is tried here is not about it; its
store is really there.
"""

import io
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from ops import deployment, overview
from ops.deployment import Code
from ops.ledger import Entry, Ledger
from ops.lock import NAME, Lease, Lock, LockedError, holder
from ops.model import BACK, Environment, Instance, Progress, Release, Rollout
from ops.place import Place
from ops.preflight import tag_of
from ops.rollout import Phase, State
from ops.shell import Shell
from ops.targets import Store, Target
from ops.targets.compose.host import Files, Host
from pipeline.shell import FailedError

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

    def complaint(self, _: Rollout) -> str:
        return "its health check says: 503"

    def restored(self, _: Rollout) -> Progress:
        return Progress(100, 1, 1, settled=True)

    def instances(self) -> list[Instance]:
        return []


@dataclass
class Desk:
    """An environment where releases 1 and 2 have served, and 2 does."""

    target: Obedient
    store: Unsure
    deadline: float = 300

    @property
    def place(self) -> Place:
        """What a new run opens."""
        environment = Environment.model_validate(
            {"name": "staging", "target": "compose", "lease": 2, "deadline": self.deadline}
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


def test_who_stops_it_while_it_checks_is_the_reason_and_not_what_they_ended_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        msg = "trivy says: no word"
        raise FailedError(msg)

    monkeypatch.setattr(desk.target, "check", check)
    assert deployment.rollback(desk.place, "") is Code.REFUSED
    assert desk.last.reason == "stopped by SIGINT"
    out = capsys.readouterr().out
    assert out.count("stopped by SIGINT: it goes back; a second SIGINT leaves at once") == 1


def test_who_stops_it_after_the_last_check_has_touched_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.target, "check", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert deployment.rollback(desk.place, "") is Code.REFUSED
    assert desk.target.told == []


def test_a_second_signal_leaves_at_once_and_the_next_run_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(desk.target, "begin", lambda _: Shell().read("sleep", "50"))
        for seconds in (1, 2):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            deployment.rollback(desk.place, "")
    assert "left while starting: the next deployment goes on" in capsys.readouterr().out
    assert (desk.last.phase, desk.store.read(NAME)) == (Phase.BEGINNING, None)
    assert deployment.abort(desk.place) is Code.DONE
    assert desk.last.phase is Phase.FAILED


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_shows_one_line_that_fits_and_goes_and_keeps_the_rest(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, looks = Screen(), iter([False, True])
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "30")

    def observe(rollout: Rollout) -> Progress:
        is_settled = next(looks, True)
        return Progress(rollout.share, 1, 1, is_settled)

    monkeypatch.setattr(desk.target, "observe", observe)
    assert deployment.rollback(desk.place, "") is Code.DONE
    first, *shown = screen.getvalue().split("\r\033[K")
    assert first == ""
    assert "rollback 1.0.0 on staging, checking; times are UTC" in shown[0]
    passing = [each for each in shown if not each.endswith("\n")]
    assert "          1 of 1 ready, 0 %" in passing[0]
    assert max(map(len, passing)) == 29
    assert shown[-2:] == ["", shown[-1]], "it is gone before the last line"
    assert "staging serves 1.0.0 again" in shown[-1]


def test_a_terminal_is_clear_after_an_error_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    desk.target.ready = False
    threading.Timer(2, lambda: deployment.take_lock(desk.place, anyway=True)).start()
    with pytest.raises(LockedError):
        deployment.rollback(desk.place, "")
    assert screen.getvalue().endswith("\r\033[K")


def test_what_is_not_ready_in_time_is_told_with_the_reason(desk: Desk) -> None:
    desk.target.ready, desk.deadline = False, 1
    assert deployment.rollback(desk.place, "") is Code.FAILED
    assert desk.last.reason.endswith("% of the traffic: its health check says: 503")


def test_who_is_at_work_is_not_robbed_without_a_word(desk: Desk) -> None:
    with Lock(desk.store, "Ada", "her desk", "deploy", 60):
        with pytest.raises(FailedError, match=r"is at work: `inv abort staging` .*--yes unlocks"):
            deployment.take_lock(desk.place, anyway=False)
        with pytest.raises(LockedError):
            deployment.rehearse(desk.place, "3.0.0")
        assert deployment.take_lock(desk.place, anyway=True).startswith("It was held by Ada")
        assert holder(desk.store) is None
    assert deployment.take_lock(desk.place, anyway=False) == "Nobody held it."


def test_who_takes_a_lock_is_told_what_is_left_to_do(desk: Desk) -> None:
    interrupted(desk, Phase.WATCHING)
    left = "\n3.0.0 is left watching: `inv abort staging` takes it back, so does a deployment."
    assert deployment.take_lock(desk.place, anyway=True).endswith(left)


def test_what_a_deployment_refuses_its_rehearsal_refuses(desk: Desk) -> None:
    desk.place.ledger.add(entry(3, Phase.HELD, 2))
    with pytest.raises(FailedError, match=r"3\.0\.0 is held at 0 % of the traffic by Ada"):
        deployment.rehearse(desk.place, "4.0.0")


def test_an_outcome_says_once_that_it_failed(desk: Desk) -> None:
    failed = entry(3, Phase.FAILED, 2, reason="failed: 16.67% failed, 1.00% may")
    said = "3.0.0 failed on staging, and 2.0.0 serves: 16.67% failed, 1.00% may"
    assert deployment.told(desk.place, failed) == said


def test_where_no_instance_is_there_is_no_table(desk: Desk) -> None:
    assert overview.status(desk.place).splitlines()[-1].startswith("image ")


def test_where_there_is_no_way_back_a_person_says_so(desk: Desk) -> None:
    with pytest.raises(FailedError, match="nothing is stuck on staging"):
        deployment.leave(desk.place)
    stuck = State(Phase.STUCK, reason="the image is gone", stuck_in=Phase.RESTORING)
    desk.place.ledger.add(replace(entry(3, Phase.STUCK, 2), state=stuck))
    assert deployment.leave(desk.place) is Code.DONE
    assert desk.target.told == []
    assert desk.last.phase is Phase.FAILED
    assert re.fullmatch(
        "left as it is by .*, when it was stuck: the image is gone", desk.last.reason
    )
    assert deployment.rollback(desk.place, "1.0.0") is Code.DONE
