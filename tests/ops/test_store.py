"""Documents on a host: whoever writes at once, is killed, or has no room, none is lost or torn."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from ops.shell import Shell
from ops.targets import ConflictError, Document
from ops.targets.compose.host import Files, Host
from pipeline.shell import FailedError

from tests.needed import need

TEMPLATE = Path(__file__).parents[2] / "template"
BEGIN = """
import sys
from ops.shell import Shell
from ops.targets import ConflictError
from ops.targets.compose.host import Files, Host
from pipeline.shell import FailedError
store = Files(Host(Shell()), sys.argv[1])
"""


def person(
    script: str, *arguments: str | Path, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start somebody who uses the store from a process of their own."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", BEGIN + script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(TEMPLATE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_document_is_kept_as_it_is_and_replaced_only_by_who_knows_it(tmp_path: Path) -> None:
    store = Files(Host(Shell()), f"{tmp_path}/a folder/documents")
    assert store.read("ledger") is None
    assert store.read_all("") == {}
    text = '  {é: "$HOME\\n\'`"}\n\n'
    first = store.write("release-0002", text, None)
    assert store.read("release-0002") == Document(text, first)
    with pytest.raises(ConflictError):
        store.write("release-0002", "mine", None)
    second = store.write("release-0002", "", first)
    assert store.read("release-0002") == Document("", second)
    with pytest.raises(ConflictError):
        store.write("release-0002", "mine", first)
    with pytest.raises(ConflictError):
        store.delete("release-0002", first)
    store.write("release-0001", "a", None)
    store.write("lock", "b", None)
    assert [*store.read_all("release-")] == ["release-0001", "release-0002"]
    store.delete("release-0002", second)
    with pytest.raises(ConflictError):
        store.delete("release-0002", second)
    assert store.read("release-0002") is None
    assert [*store.read_all("")] == ["lock", "release-0001"]


def test_of_many_who_write_at_once_one_wins_each_time(tmp_path: Path) -> None:
    count = """
for _ in range(10):
    while True:
        there = store.read("count")
        try:
            store.write("count", str(int(there.text) + 1), there.revision)
            break
        except ConflictError:
            pass
"""
    store = Files(Host(Shell()), str(tmp_path))
    store.write("count", "0", None)
    people = [person(count, tmp_path) for _ in range(4)]
    assert [each.communicate()[0] for each in people] == [""] * 4
    there = store.read("count")
    assert there
    assert there.text == "40"


def test_who_is_killed_while_writing_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    write = """
revision = None
for number in range(100_000):
    revision = store.write("ledger", str(number % 10) * 300_000, revision)
    print(number, flush=True)
"""
    for delay in range(6):
        folder = tmp_path / str(delay)
        writer = person(write, folder)
        assert writer.stdout
        assert writer.stdout.readline() == "0\n"
        time.sleep(delay * 0.013)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        store = Files(Host(Shell()), str(folder))
        there = store.read("ledger")
        assert there
        assert there.text == there.text[0] * 300_000
        end = time.monotonic() + 10
        while True:  # the shell that it started may just have gone on
            try:
                store.write("ledger", "next", there.revision)
                break
            except ConflictError:
                assert time.monotonic() < end
                there = store.read("ledger")
                assert there


def test_a_full_disk_is_told_in_a_sentence_and_leaves_what_there_was(tmp_path: Path) -> None:
    fill = """
revision = store.write("ledger", "short", None)
try:
    store.write("ledger", "x" * 300_000, revision)
except FailedError as error:
    print(error)
there = store.read("ledger")
print(there.text, there.revision == revision, sorted(store.read_all("")))
print(store.write("ledger", "shorter", revision) != revision)
"""
    mount = 'mount -t tmpfs -o size=128k tmpfs "$0" && exec "$@"'
    own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path))
    possible = subprocess.run([*own, "true"], check=False, capture_output=True).returncode == 0
    need(possible, "user namespace to mount a small disk in")
    told, _ = person(fill, f"{tmp_path}/documents", before=own).communicate()
    assert told.splitlines() == [
        f"{tmp_path}/documents on this machine: the disk is full: make room, and do it again",
        "short True ['ledger']",
        "True",
    ]


def test_a_host_without_flock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a Mac is one, which is no place to deploy to."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "mkdir"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(FailedError, match="there is no flock"):
        Files(Host(Shell()), str(tmp_path / "documents")).write("lock", "mine", None)
