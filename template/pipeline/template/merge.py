"""Merge two renderings of the template with what people made of the first, in git's own way.

All of it happens in a second repository with the same objects. So a run that is killed leaves
nothing that is to be seen, and the project is touched once, when everything is ready.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.release.landing import configured, settings
from pipeline.shell import FailedError, environment, read

CONFLICTS = 1  # git's status for them
TOO_OLD = 129
NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "template"), ("EMAIL", "template@localhost"))
}
YOURS, THEIRS = "yours", "the-template"  # the names that stand at conflicts


@dataclass(frozen=True)
class Merged:
    """What came of a merge."""

    tree: str
    """All files, those with conflicts included."""
    conflicts: dict[str, list[str]] = field(default_factory=dict)
    """Path to the lines of git's index, one for each side that has it."""


@dataclass(frozen=True)
class Scratch:
    """A second repository with the same objects, and nothing else in common."""

    env: dict[str, str]
    path: Path

    @classmethod
    @contextlib.contextmanager
    def beside(cls) -> Iterator["Scratch"]:
        """Give one, and take it away."""
        with tempfile.TemporaryDirectory(prefix="update-") as name:
            path = Path(name)
            shared = Path(read("git", "rev-parse", "--git-common-dir")).resolve() / "objects"
            kind = read("git", "rev-parse", "--show-object-format")
            told = {"merge.conflictStyle": "merge", "merge.directoryRenames": "false"}
            env = settings()
            env |= configured([*told.items()], int(env["GIT_CONFIG_COUNT"])) | NOBODY
            env |= {
                "GIT_DIR": str(path / "git"),
                "GIT_INDEX_FILE": str(path / "index"),
                "GIT_OBJECT_DIRECTORY": str(shared),
            }
            read("git", "init", "--quiet", f"--object-format={kind}", env=env)
            yield cls(env, path)

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what git says there."""
        return read("git", *arguments, env=self.env, stdin=stdin)

    def rendered(self, render: Callable[[Path], None], folder: str) -> str:
        """Return a tree of what is rendered.

        Args:
            render: writes it into a new folder.
            folder: where it belongs in the repository: empty, or like `services/notes/`.
        """
        with tempfile.TemporaryDirectory(dir=self.path) as name:
            root = Path(name, "root")
            (root / folder).parent.mkdir(parents=True, exist_ok=True)
            render(root / folder)
            self.git("read-tree", "--empty")
            self.git(f"--work-tree={root}", "-C", str(root), "add", "--all", "--force", ".")
        return self.git("write-tree")

    def merge(self, base: str, ours: str, theirs: str) -> Merged:
        """Return the merge of two trees that both come from a third one.

        What people deleted stays so, whatever the template did to it.

        Raises:
            FailedError: git is too old.
        """
        first = self.git("commit-tree", base, "-m", "base")
        for branch, tree in ((YOURS, ours), (THEIRS, theirs)):
            commit = self.git("commit-tree", f"{tree}^{{tree}}", "-p", first, "-m", branch)
            self.git("update-ref", f"refs/heads/{branch}", commit)
        command = ["git", "merge-tree", "--write-tree", "--no-messages", "-z", YOURS, THEIRS]
        done = subprocess.run(command, env=environment(self.env), capture_output=True, check=False)
        if done.returncode not in {0, CONFLICTS}:
            said = done.stderr.decode(errors="replace").strip().splitlines()[:1]
            msg = f"git cannot merge: {' '.join(said)}"
            if done.returncode == TOO_OLD:
                msg = "git is too old to merge by itself: install 2.38 or newer"
            raise FailedError(msg)
        tree, *lines = os.fsdecode(done.stdout).rstrip("\0").split("\0")
        conflicts: dict[str, list[str]] = {}
        for line in lines:
            conflicts.setdefault(line.partition("\t")[2], []).append(line)
        gone = [path for path, sides in conflicts.items() if not ours_has(sides)]
        for path in gone:
            del conflicts[path]
        return Merged(self.changed(tree, gone=gone) if gone else tree, conflicts)

    def blob(self, content: bytes) -> str:
        """Return the hash of a file's content."""
        file = self.path / "content"
        file.write_bytes(content)
        return self.git("hash-object", "-w", "--no-filters", "--", str(file))

    def content(self, tree: str, path: str) -> bytes | None:
        """Return the content of a file in a tree; None where there is none."""
        command = ["git", "cat-file", "blob", f"{tree}:{path}"]
        done = subprocess.run(command, env=environment(self.env), capture_output=True, check=False)
        return None if done.returncode else done.stdout

    def changed(
        self, tree: str, files: dict[str, bytes] | None = None, gone: Iterable[str] = ()
    ) -> str:
        """Return a tree with other contents of some files, and without some others."""
        self.git("read-tree", tree)
        lines = [f"0 {'0' * len(tree)}\t{path}" for path in gone]
        for path, content in (files or {}).items():
            told = self.git("ls-tree", tree, "--", path)
            mode = told.split()[0] if told else "100644"
            lines.append(f"{mode} {self.blob(content)}\t{path}")
        self.index(lines)
        return self.git("write-tree")

    def index(self, lines: Iterable[str]) -> None:
        """Write lines into the index."""
        text = "".join(f"{line}\0" for line in lines)
        self.git("update-index", "-z", "--index-info", stdin=text)

    def files(self, tree: str, folder: str, into: Path) -> None:
        """Write the files of a folder in a tree into another folder."""
        self.git("read-tree", "--empty")
        self.git("read-tree", f"{tree}:{folder}" if folder else tree)
        into.mkdir()
        self.git(f"--work-tree={into}", "-C", str(into), "checkout-index", "--quiet", "--all")


def ours_has(sides: Iterable[str]) -> bool:
    """Tell whether one of the lines of an index is of the project's side."""
    return any(line.partition("\t")[0].endswith(" 2") for line in sides)


def apply(head: str, merged: Merged) -> None:
    """Bring what was merged into the project's working tree; nothing of it is staged.

    Where there are conflicts, git knows of them. Who is told to stop stops before or after that.

    Raises:
        FailedError: a file that git ignores is in the way, and nothing was touched.
    """
    told = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, told)
    try:
        read("git", "read-tree", "-m", "-u", head, merged.tree, apart=True)
        read("git", "reset", "--quiet", "--mixed", head, apart=True)
        unmerge(head, merged)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unmerge(head: str, merged: Merged) -> None:
    """Let git know of the conflicts, so that it takes no commit before they are mended."""
    if merged.conflicts:
        lines = [f"0 {'0' * len(head)}\t{path}" for path in merged.conflicts]
        lines += [line for sides in merged.conflicts.values() for line in sides]
        stdin = "".join(f"{line}\0" for line in lines)
        read("git", "update-index", "-z", "--index-info", stdin=stdin)
