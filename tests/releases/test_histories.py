"""What holds of every history, whatever people do to it."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commitizen.git import GitCommit
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from pipeline.commits import is_conventional
from pipeline.release.history import change
from pipeline.shell import FailedError

from tests.releases.histories import History

FEW = settings(max_examples=25, deadline=None, derandomize=True)

KINDS = st.sampled_from(["feat", "fix", "perf", "docs", "chore"])
MESSAGES = st.builds(
    lambda kind, mark, body: f"{kind}{mark}: x{body}",
    KINDS,
    st.sampled_from(["", "", "", "(api)", "!"]),
    st.sampled_from(["", "", "\n\nfeat!: quoted", "\n\nBREAKING CHANGE: gone"]),
)
BRANCHES = st.sampled_from(["main", "main", "develop", "alpha"])


def asks(message: str) -> int:
    """Return which number of a version a message moves, from the left; 3 for none."""
    if "BREAKING CHANGE" in message or "!: x" in message.partition("\n")[0]:
        return 0
    return {"feat": 1, "fix": 2, "perf": 2}.get(message.partition(":")[0].partition("(")[0], 3)


def moved(version: tuple[int, ...], number: int) -> tuple[int, ...]:
    """Return a version with one number moved; below 1.0.0, what breaks moves the second."""
    number = 1 if number == 0 and version[0] == 0 else number
    return (*version[:number], version[number] + 1, *[0] * (2 - number))


@contextmanager
def small_project() -> Iterator[History]:
    """Give a history that is another one for each example."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder, "small"))
        history.begin_at("0.0.0")
        yield history


def state(history: History) -> str:
    """Return a hash over each file's name and content, of git's own too."""
    found = hashlib.sha256()
    for path in sorted(history.path.rglob("*")):
        found.update(f"\0{path}\0".encode())
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


@FEW
@given(st.lists(st.one_of(MESSAGES, st.just("release")), min_size=1, max_size=10))
@example(["fix: x", "release", "docs: x", "release", "feat!: x", "release"])
def test_on_one_branch_the_largest_change_decides(steps: list[str]) -> None:
    with small_project() as history:
        version: tuple[int, ...] = (0, 0, 0)
        pending = 3
        for step in steps:
            if step == "release":
                wanted = moved(version, pending) if pending < 3 else None
                assert history.next() == (".".join(map(str, wanted)) if wanted else "")
                if wanted:
                    history.release()
                    version, pending = wanted, 3
            else:
                history.commit(step)
                pending = min(pending, asks(step))


STEPS = st.one_of(
    MESSAGES,
    MESSAGES,
    st.just("release"),
    st.just("release"),
    st.builds("on {}".format, BRANCHES),
    st.builds("take {}".format, BRANCHES),
)


class People:
    """Several at work on the branches of a small project, and what they have released."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.branch = "main"
        self.asked: set[str] = set()
        """Each commit that asks for a release."""
        self.told: Counter[tuple[str, str]] = Counter()
        """How often the entries of a branch's releases tell each commit."""
        for branch in ("develop", "alpha"):
            history.git("branch", branch)

    def step(self, step: str) -> None:
        """Do what one of them does."""
        verb, _, name = step.partition(" ")
        if verb == "on":
            self.branch = name
            self.history.git("switch", "--quiet", name)
        elif verb == "take":
            self.history.git("merge", "--quiet", "--strategy-option=ours", "--no-edit", name)
        elif verb == "release":
            self.release()
        else:
            self.history.commit(step)
            if asks(step) < 3:
                self.asked.add(self.history.git("rev-parse", "HEAD"))

    def release(self) -> None:
        """Release, if that is due and may be."""
        history = self.history
        behind = [Version(tag) for tag in history.git("tag", "--merged", "HEAD").split()]
        before = state(history)
        try:
            plan = history.plan()
        except FailedError:  # as below what main has released
            assert self.branch != "main"
            return
        finally:
            assert state(history) == before
        if plan is None:
            return
        assert all(version < plan.version for version in behind)
        assert plan.version.is_prerelease == (self.branch != "main")
        assert history.release() == plan
        assert history.plan() is None
        text = (history.path / "CHANGELOG.md").read_text()
        for commit in self.asked:
            assert plan.entry.count(f"/{commit})") == any(
                it.commit == commit for it in plan.changes
            )
            assert plan.version.is_prerelease or text.count(f"/{commit})") < 2
        self.told.update((self.branch, it.commit) for it in plan.changes)


@FEW
@given(st.lists(STEPS, min_size=4, max_size=14))
@example(["on develop", "fix: x", "release", "feat: x", "release", "on main", "take develop"])
@example(["on alpha", "feat: x", "release", "on develop", "take alpha", "fix: x", "release"])
@example(["fix: x", "release", "on develop", "take main", "feat: x", "release", "on main"])
def test_versions_only_go_up_and_each_change_is_told_once(steps: list[str]) -> None:
    with small_project() as history:
        people = People(history)
        for step in [*steps, "on main", "fix: x", "release"]:
            people.step(step)

        assert all(times == 1 for times in people.told.values())
        released = set(history.git("rev-list", "main").split()) & people.asked
        assert {commit for branch, commit in people.told if branch == "main"} == released


@FEW
@given(st.lists(st.one_of(MESSAGES, st.integers(0, 9)), min_size=2, max_size=8))
def test_commits_and_their_reverts_ask_for_nothing_together(steps: list[str | int]) -> None:
    with small_project() as history:
        history.follow(["feat: begin", "release 1.0.0"])
        alive: dict[str, bool] = {}
        for step in steps:
            if isinstance(step, str):
                history.commit(step)
                alive[history.git("rev-parse", "HEAD")] = asks(step) < 3
            elif standing := [commit for commit, stands in alive.items() if stands]:
                commit = standing[step % len(standing)]
                history.git("revert", "--no-edit", commit)
                alive[commit] = False
        wanted = [commit for commit, stands in alive.items() if stands]
        plan = history.plan()
        assert [it.commit for it in reversed(plan.changes)] == wanted if plan else not wanted


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    KINDS,
    st.one_of(st.just(""), st.builds("({})".format, TEXTS)),
    st.sampled_from(["", "!"]),
    TEXTS,
    st.sampled_from(["", "\n", "\n\nWhy.", "\nWhy.", "\n\nWhy.\n\nRefs: #1"]),
)
@example("feat", "(a(b))", "", "x", "")
@example("feat", "((a)", "!", "x", "")
def test_what_the_session_commits_takes_is_what_releases_understand(
    kind: str, scope: str, mark: str, text: str, body: str
) -> None:
    message = f"{kind}{scope}{mark}: {text}{body}"
    if is_conventional(message):
        title, _, rest = message.strip().partition("\n")
        asked = change(GitCommit("0" * 40, title, rest))
        assert (asked is not None) == (asks(f"{kind}{mark}: x") < 3)
        assert asked is None or asked.text == text.strip()
