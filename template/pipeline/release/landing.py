"""Make a release's commit and tag out of sight, and push both at once or neither.

Nothing is to be seen of them before the remote has taken them: no file, no commit on a branch, no
tag. So a run that is killed leaves nothing to clean up.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.shell import FailedError, read
from pipeline.tags import released

REMOTE = "origin"
OF_COMMITS = (
    r"(user|author|committer|gpg|commit|tag|i18n)\.|core\.sharedrepository\n"
    r"|remote\.[^\n]*\.(url|promisor|partialclonefilter)(\n|$)"  # where what is missing is
)
ROBOT = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com> "
LOGIN = '!f() { [ "$1" != get ] || echo "password=$GITHUB_TOKEN"; }; f'


def identity() -> dict[str, str]:
    """Return who commits, as git's variables: whom git knows, or the pipeline's own account.

    Raises:
        FailedError: git knows nobody.
    """
    found: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        try:
            told = read("git", "-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT")
        except FailedError:
            if os.environ.get("GITHUB_ACTIONS") != "true":
                msg = "git does not know you: git config --global user.name NAME, and user.email"
                raise FailedError(msg) from None
            told = ROBOT
        name, _, address = told.rpartition("> ")[0].rpartition(" <")
        found |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": address}
    return found


def settings() -> dict[str, str]:
    """Return what git is told of commits and tags in this clone, as git's variables for another."""
    told = read("git", "config", "--list", "--includes", "-z").split("\0")
    parts = [each.partition("\n") for each in told if re.match(OF_COMMITS, each)]
    pairs = [(name, value if sign else "true") for name, sign, value in parts]
    # No hook has a say in it, the files are written as they are to be kept, and who has no refs
    # must not clear away the objects of another.
    pairs += [("core.hooksPath", os.devnull), ("core.autocrlf", "false")]
    pairs += [("gc.auto", "0"), ("maintenance.auto", "false")]
    return configured(pairs)


@dataclass(frozen=True)
class Workshop:
    """A second repository with the same objects and settings, and nothing else in common."""

    env: dict[str, str]
    tree: Path

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Workshop"]:
        """Give one, and take it away."""
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            shared = Path(read("git", "rev-parse", "--git-common-dir")).resolve()
            tree = Path(folder, "tree")
            tree.mkdir()
            env = identity() | settings()
            env |= {
                "GIT_DIR": str(Path(folder, "git")),
                "GIT_WORK_TREE": str(tree),
                "GIT_INDEX_FILE": str(Path(folder, "index")),
                "GIT_OBJECT_DIRECTORY": str(shared / "objects"),
            }
            kind = read("git", "rev-parse", "--show-object-format")
            read("git", "init", "--quiet", f"--object-format={kind}", env=env)
            yield cls(env, tree)

    def git(self, *arguments: str) -> str:
        """Return what git says there."""
        return read("git", *arguments, env=self.env)

    def commit(
        self, parent: str, paths: Sequence[str], change: Callable[[Path], None], message: str
    ) -> str:
        """Return the hash of a commit on top of another.

        Args:
            parent: the hash of the other.
            paths: the files that change.
            change: changes them, in the folder that it is given, which holds no others.
            message: of the commit.
        """
        self.git("update-ref", "--no-deref", "HEAD", parent)
        self.git("read-tree", "HEAD")
        there = self.git("ls-files", "--", *paths).splitlines()
        self.git("-C", str(self.tree), "checkout-index", "--quiet", "--", *there)
        change(self.tree)
        self.git("-C", str(self.tree), "add", "--force", "--", *paths)
        self.git("commit", "--quiet", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, commit: str, text: str) -> str:
        """Return the hash of an annotated tag of a commit."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as message:
            message.write(text)  # longer than an argument may be
            message.flush()
            told = ("--annotate", "--cleanup=verbatim", f"--file={message.name}")
            self.git("tag", *told, name, commit)
        return self.git("rev-parse", f"refs/tags/{name}")


def login(url: str) -> dict[str, str]:
    """Return git's variables to ask the remote: GITHUB_TOKEN for the code host alone, and no hooks.

    Args:
        url: of the repository, for people.
    """
    told = {"LC_ALL": "C.UTF-8"} | ({} if sys.stdin.isatty() else {"GIT_TERMINAL_PROMPT": "0"})
    pairs = [("core.hooksPath", os.devnull)]
    if os.environ.get("GITHUB_TOKEN"):
        host = urlsplit(url)
        there = f"credential.{host.scheme}://{host.netloc}"
        # The empty one takes away the person's own helpers, which would keep the token.
        pairs += [(f"{there}.username", "x-access-token"), (f"{there}.helper", "")]
        pairs += [(f"{there}.helper", LOGIN)]
    return told | configured(pairs, int(os.environ.get("GIT_CONFIG_COUNT") or "0"))


def configured(pairs: Sequence[tuple[str, str]], begin: int = 0) -> dict[str, str]:
    """Return settings as git's variables, after those that are there already."""
    env = {"GIT_CONFIG_COUNT": str(begin + len(pairs))}
    for number, (name, value) in enumerate(pairs, begin):
        env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def fetch(url: str) -> None:
    """Learn what the remote has: its branches, its releases, and the history that was cut off.

    Raises:
        FailedError: it does not answer, or knows a release's tag otherwise or not at all.
    """
    cut_off = read("git", "rev-parse", "--is-shallow-repository") == "true"
    ours = releases(read("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"))
    try:
        theirs = releases(read("git", "ls-remote", "--tags", REMOTE, env=login(url)))
        for tag, hashes in ours.items():
            if not hashes & theirs.get(tag, set()):
                is_there = "is another" if tag in theirs else "does not exist"
                msg = f"the tag {tag} {is_there} on {REMOTE}: git tag --delete {tag}"
                raise FailedError(msg)
        branches = f"+refs/heads/*:refs/remotes/{REMOTE}/*"
        lacking = theirs if cut_off else theirs.keys() - ours.keys()
        new = [f"+refs/tags/{tag}:refs/tags/{tag}" for tag in lacking]
        options = ("--quiet", "--prune", "--no-tags", *(["--unshallow"] if cut_off else []))
        read("git", "fetch", *options, REMOTE, branches, *new, env=login(url))
    except FailedError as error:
        if not error.said:
            raise
        msg = f"{REMOTE} cannot be fetched: {error}"
        raise FailedError(msg) from None


def releases(told: str) -> dict[str, set[str]]:
    """Return the hashes of each tag that is a version, its commit's too, out of lines with refs."""
    found: dict[str, set[str]] = {}
    for line in told.splitlines():
        hashed, ref = line.split(maxsplit=1)
        tag = ref.removeprefix("refs/tags/").removesuffix("^{}")
        if released([tag]):
            found.setdefault(tag, set()).add(hashed)
    return found


def push(url: str, *updates: str) -> bool:
    """Push all of these or none; tell whether the remote had none of them.

    Args:
        url: of the repository, for people.
        updates: as `git push` takes them.

    Raises:
        FailedError: the remote takes none; the message says why and what to do.
    """
    options = ("--atomic", "--no-verify", "--no-follow-tags", "--porcelain")
    try:
        said = read("git", "push", *options, REMOTE, *updates, env=login(url))
        return not re.search("^=", said, re.MULTILINE)
    except FailedError as error:
        reason = refusal(error.said)
        for pattern, told in REFUSALS.items():
            if re.search(pattern, reason, re.IGNORECASE):
                msg = f"{REMOTE} did not take it, and nothing was pushed: {told}"
                raise FailedError(msg) from None
        nothing = re.search("^!", error.said, re.MULTILINE)
        cut_off = "run it again, which finds out what has arrived"
        msg = f"{REMOTE} did not take it: {reason or error}{'' if nothing else f'; {cut_off}'}"
        raise FailedError(msg) from None


def refusal(said: str) -> str:
    """Return why a push failed, without the names that could look like a reason."""
    kept = []
    for line in said.splitlines():
        if line.startswith("!"):  # a ref, and in the last column what became of it
            kept.append(line.rpartition("\t")[2])
        elif line.startswith(("remote: ", "fatal: ")):
            kept.append(re.sub(r"'[^']*'", "it", line.partition(": ")[2]).strip())
    return "; ".join(dict.fromkeys(filter(None, kept)))


REFUSALS = {
    r"(GH013|rule violations).*refs/tags/": "a rule protects tags like this one. Let the token's"
    " account pass",
    r"fetch first|non-fast-forward|cannot lock ref": "the branch has moved on. git pull, and run it"
    " again; in the pipeline, the run for the newest commit releases this, too",
    r"protected branch|GH006|GH013|rule violations": "the branch is protected. Set pull-request ="
    " true in [tool.release], or let the token's account pass",
    r"without .?workflows?.? (permission|scope)": "the token may not change workflows. Keep one"
    " that may as the secret TEMPLATE_TOKEN",
    r"already exists": "that tag exists. git fetch --tags, and run it again",
    r"authentication failed|could not read|error: 403|permission to": "the log-in is refused. In"
    " the pipeline, the job needs `contents: write`; at a desk, see whether `git push` works",
}
