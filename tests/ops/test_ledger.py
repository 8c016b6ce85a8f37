"""The ledger: what was deployed is known for good, whatever is killed or full."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ops.ledger import RELEASES, Entry, Ledger, live
from ops.model import BACK, Release
from ops.rollout import START, Phase, State
from ops.shell import Shell
from ops.targets import ConflictError
from ops.targets.compose.host import Files, Host
from pipeline.shell import FailedError

from tests.ops.unsure import Unsure

FIRST = Entry(
    number=1,
    action="deploy",
    release=1,
    version="1.0.0",
    image="registry.example/service@sha256:1",
    commit="1a2b3c4",
    committed=datetime(2026, 1, 1, tzinfo=UTC),
    who="Ada",
    origin="her desk",
    began=datetime(2026, 1, 2, tzinfo=UTC),
    ended=None,
    strategy=BACK,
    state=START,
    previous=None,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Return an empty ledger in a folder of this machine."""
    return Ledger(Files(Host(Shell(), ""), str(tmp_path / "documents")))


def test_an_entry_is_what_was_written(ledger: Ledger) -> None:
    ledger.add(FIRST)
    done = replace(FIRST, state=State(Phase.DEPLOYED, 1), ended=datetime(2026, 1, 3, tzinfo=UTC))
    ledger.update(done)
    ledger.add(replace(FIRST, number=2))
    assert ledger.entries() == [done, replace(FIRST, number=2)]
    assert live(ledger.entries()) == done
    assert done.seconds == 86_400


def test_what_was_written_and_not_confirmed_is_written_over(tmp_path: Path) -> None:
    unsure = Unsure(Files(Host(Shell()), str(tmp_path)))
    ledger = Ledger(unsure)
    ledger.add(FIRST)
    unsure.trouble = "the connection broke"
    with pytest.raises(FailedError, match="the connection broke"):
        ledger.update(replace(FIRST, state=State(Phase.BEGINNING)))
    gone_back = replace(FIRST, state=State(Phase.ABORTING, reason="the ledger cannot be written"))
    ledger.update(gone_back)
    assert ledger.entries() == [gone_back]


def test_what_somebody_else_wrote_is_left_as_it_is(tmp_path: Path) -> None:
    store = Files(Host(Shell()), str(tmp_path))
    ours, theirs = Ledger(store), Ledger(store)
    ours.add(FIRST)
    theirs.entries()
    theirs.update(replace(FIRST, who="Bob"))
    with pytest.raises(ConflictError, match="entry-000001 was written by somebody else"):
        ours.update(replace(FIRST, state=State(Phase.BEGINNING)))
    assert [entry.who for entry in theirs.entries()] == ["Bob"]


def test_entries_are_in_their_order_even_when_there_are_many(ledger: Ledger) -> None:
    for number in (1, 2, 10, 9, 100):
        ledger.add(replace(FIRST, number=number))
    assert [entry.number for entry in ledger.entries()] == [1, 2, 9, 10, 100]


def test_the_newest_releases_are_kept_and_the_one_that_serves(ledger: Ledger) -> None:
    for number in range(1, RELEASES + 4):
        ledger.keep(Release(number, f"1.0.{number}", "image", "manifest: {}\n"), needed=1)
    assert ledger.release(1).version == "1.0.1"
    assert ledger.release(RELEASES + 3).manifest == "manifest: {}\n"
    with pytest.raises(FailedError, match=f"release 2 is not kept: the newest {RELEASES} are"):
        ledger.release(2)


def test_failures_leave_what_served_to_go_back_to(ledger: Ledger) -> None:
    for number in range(1, RELEASES + 10):
        phase = Phase.DEPLOYED if number <= 3 else Phase.FAILED
        ledger.keep(Release(number, f"1.0.{number}", "image", "{}"), needed=min(number - 1, 3))
        ledger.add(replace(FIRST, number=number, release=number, state=State(phase)))
    assert [ledger.release(number).number for number in (1, 2, 3)] == [1, 2, 3]
    assert ledger.release(RELEASES + 9)
    with pytest.raises(FailedError, match="release 4 is not kept"):
        ledger.release(4)


def test_what_cannot_be_read_is_named(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add(FIRST)
    (tmp_path / "documents/entry-000001").write_text("{", encoding="utf-8")
    with pytest.raises(FailedError, match="the ledger's entry-000001 cannot be read"):
        ledger.entries()
