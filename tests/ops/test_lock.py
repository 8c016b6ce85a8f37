"""One at a time: the lock of an environment, in a store that is really there."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ops.lock import NAME, Lease, Lock, LockedError, LostError, holder, unlock, uptime
from ops.shell import Shell
from ops.targets import Kept
from ops.targets.compose.host import Files, Host
from pipeline.shell import FailedError

from tests.ops.unsure import Unsure

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Files:
    """Return documents in a folder of this machine."""
    return Files(Host(Shell(), ""), str(tmp_path / "documents"))


def lock(store: Files, who: str = "Ada", seconds: float = 30) -> Lock:
    return Lock(store, who, "her desk", "deploy 1.0.0", seconds)


def checked(held: Lock, seconds: float = 5) -> None:
    """Check again and again, for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        held.check()
        time.sleep(0.05)


def test_the_second_is_told_who_holds_it(store: Files) -> None:
    with lock(store), pytest.raises(LockedError) as refusal, lock(store, "Bob"):
        pass
    assert str(refusal.value).startswith("Ada (deploy 1.0.0) from her desk, since ")
    assert holder(store) is None, "it is given back"
    with lock(store, "Bob"):
        assert str(holder(store)).startswith("Bob (deploy 1.0.0)")


def test_it_is_renewed_for_as_long_as_it_is_held(store: Files) -> None:
    with lock(store, seconds=1) as held:
        for _ in range(30):
            time.sleep(0.1)
            held.check()
            with pytest.raises(LockedError), lock(store, "Bob"):
                pass


def test_who_died_is_overtaken_after_the_lease(store: Files) -> None:
    script = """
import sys, time
from ops.lock import Lock
from ops.shell import Shell
from ops.targets.compose.host import Files, Host
with Lock(Files(Host(Shell(), ""), sys.argv[1]), "Ada", "her desk", "deploy 1.0.0", 2):
    print("held", flush=True)
    time.sleep(60)
"""
    path = os.pathsep.join([str(ROOT / "template"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-c", script, store.folder],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with pytest.raises(LockedError), lock(store, "Bob"):
        pass
    time.sleep(2.5)
    with lock(store, "Bob") as taken:
        assert taken.overtaken
        assert taken.overtaken.who == "Ada"
        assert str(holder(store)).startswith("Bob")


def test_a_lease_that_only_looks_expired_is_not_taken(store: Files) -> None:
    """The clock of one who is alive may be hours behind."""
    with lock(store, seconds=1) as held:
        held._lease = Lease(**{**vars(held._lease), "renewed": datetime(2020, 1, 1, tzinfo=UTC)})
        document = store.read(NAME)
        assert document
        held._document = Kept(store, NAME, document.revision)
        held._document.write(held._lease.dump())
        with pytest.raises(LockedError), lock(store, "Bob"):
            pass
        held.check()


def test_who_died_with_a_clock_that_was_ahead_is_overtaken_too(store: Files) -> None:
    future = datetime.now(UTC) + timedelta(hours=1)
    store.write(NAME, Lease("Ada", "her desk", "deploy", future, future, 1, "gone").dump(), None)
    with lock(store, "Bob") as held:
        assert held.overtaken
        assert held.overtaken.who == "Ada"


def test_one_whose_machine_slept_knows_that_the_lock_may_be_anothers(
    store: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lid was closed for a minute, in which `time.monotonic` did not go on."""
    with lock(store) as held:
        held.check()
        now = uptime()
        monkeypatch.setattr("ops.lock.uptime", lambda: now + 60)
        with pytest.raises(LostError, match="could not be renewed for 30 s"):
            held.check()


def test_a_renewal_that_was_not_confirmed_is_ones_own(store: Files) -> None:
    unsure = Unsure(store)
    with Lock(unsure, "Ada", "her desk", "deploy 1.0.0", 1) as held:
        unsure.trouble = "the connection broke"
        while unsure.trouble:
            time.sleep(0.05)
        checked(held, 2)
    assert holder(store) is None, "it is given back"


def test_of_two_who_overtake_one_gets_it(store: Files) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    lease = Lease("Ada", "her desk", "deploy 1.0.0", past, past, 0.2, "gone")
    store.write(NAME, lease.dump(), None)
    script = """
import sys, time
from ops.lock import Lock, LockedError
from ops.shell import Shell
from ops.targets.compose.host import Files, Host
try:
    with Lock(Files(Host(Shell(), ""), sys.argv[1]), sys.argv[2], "a desk", "deploy", 30):
        print("held", flush=True)
        sys.stdin.read()
except LockedError as error:
    print(error, flush=True)
"""
    path = os.pathsep.join([str(ROOT / "template"), str(ROOT)])
    each = [
        subprocess.Popen(
            [sys.executable, "-c", script, store.folder, who],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("Bob", "Eve", "Joe")
    ]
    said = [process.stdout.readline() for process in each if process.stdout]
    for process in each:
        process.communicate(timeout=30)
    assert said.count("held\n") == 1, said


def test_one_who_lost_it_is_told_before_touching_anything(store: Files) -> None:
    with lock(store, seconds=1) as held:
        taken = unlock(store)
        assert taken
        assert taken.who == "Ada"
        with pytest.raises(LockedError, match="taken away by somebody who unlocked"):
            checked(held)
        with lock(store, "Bob"):
            with pytest.raises(LockedError):
                held.check()
            assert str(holder(store)).startswith("Bob")
    assert unlock(store) is None


def test_a_lock_that_is_just_being_renewed_is_taken_away_too(
    store: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock(store) as held:
        delete, renewals = Files.delete, [held._renew]

        def renewed_before(files: Files, name: str, revision: str) -> None:
            if renewals:
                renewals.pop()()
            delete(files, name, revision)

        monkeypatch.setattr(Files, "delete", renewed_before)
        taken = unlock(store)
        assert taken
        assert taken.who == "Ada"
        assert holder(store) is None


def test_one_who_cannot_renew_it_stops_in_time(store: Files) -> None:
    with lock(store, seconds=1) as held:
        Path(store.folder).rename(f"{store.folder}.away")
        Path(store.folder).write_text("no folder", encoding="utf-8")
        with pytest.raises(LostError, match="could not be renewed for 1 s"):
            checked(held)


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("no folder", encoding="utf-8")
    broken = Files(Host(Shell(), ""), str(tmp_path / "documents"))
    with pytest.raises(FailedError), lock(broken):
        pass


def test_a_lease_is_written_as_a_person_can_read_it(store: Files) -> None:
    with lock(store):
        document = store.read(NAME)
        assert document
        assert json.loads(document.text).keys() == {
            "who",
            "origin",
            "doing",
            "since",
            "renewed",
            "seconds",
            "token",
        }
