"""The session `commits`: what a pull request would land is checked before it lands."""

import json
from pathlib import Path

import pytest

from tests.project import Done, Project
from tests.releases.histories import History

REMEDY = (
    "not conventional, so a release may pass them over. Write them like"
    ' "fix: what is better now" (feat, fix, perf, docs, refactor, test, build, ci, style, chore or'
    " revert): git rebase --interactive, then `reword`"
)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A branch in a clone, whose base has a commit that no session would take."""
    upstream = History(tmp_path / "upstream")
    upstream.begin_at("1.0.0")
    upstream.follow(["before all rules", "tag v1.0.0", "on develop", "also before them"])
    upstream.git("switch", "--quiet", "main")
    history = History(tmp_path / "small")
    upstream.git("clone", "--quiet", str(upstream.path), str(history.path))
    history.follow(["on topic"])
    return history


def check(history: History, *arguments: str, **variables: str) -> Done:
    """Run what the session runs."""
    return history.python("pipeline.commits", *arguments, **variables)


def pull_request(history: History, title: str) -> dict[str, str]:
    """Return what the code host tells a workflow of a pull request into main."""
    event = history.path.parent / "event.json"
    event.write_text(json.dumps({"number": 7, "pull_request": {"title": title}}), encoding="utf-8")
    return {"GITHUB_EVENT_PATH": str(event), "GITHUB_BASE_REF": "main"}


MESSAGES = [
    *("feat: a", "fix(api): b", "perf!: c", "docs: d (#1)", "chore(deps-dev): e", "build: f"),
    *("fix: 読み込みを直す", "feat: إضافة بحث", "fix: größer", "feat: 🎉", "feat(日本): x"),
    *("fix: a\n\nWhy.\n\nBREAKING CHANGE: b", "fix: a\r\n\r\nWhy.\r\n", f"feat: {'x' * 5000}"),
    *('Revert "feat: a"\n\nThis reverts commit 0123456.', 'Reapply "feat: a"', "revert: let a go"),
    *("Merge branch 'x' into y", "fixup! feat: a", "squash! feat: a", "amend! feat: a"),
    "feat: a (#12)\n\n* wip\n\n* fix: b\n\n---------\n\nCo-authored-by: d <d@e>",
]


def test_what_releases_understand_passes(history: History) -> None:
    history.follow(MESSAGES)
    history.follow(["on other main", "feat: other", "on topic", "merge other", "undo Merge other"])

    done = check(history)

    assert (done.status, done.out) == (0, f"{len(MESSAGES) + 3} commits, all conventional\n")


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Added new.", "Added new."),
        ("feature: a", "feature: a"),
        ("feat:a", "feat:a"),
        ("Feat: a", "Feat: a"),
        ("feat: ", "feat: "),
        ("feat: a\nfix: b", "feat: a"),
        ("新機能を追加", "新機能を追加"),
        ("feat： 新機能", "feat： 新機能"),  # noqa: RUF001  # that colon is the fault
        ("", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("evil \x1b[2J", "evil \\x1b[2J"),
    ],
)
def test_another_commit_is_named_with_what_to_do(
    history: History, message: str, title: str
) -> None:
    history.follow(["feat: a"])
    history.commit(message)
    commit = history.git("rev-parse", "--short", "HEAD")
    history.follow(["fix: b"])

    done = check(history)

    assert done.status == 1
    assert done.out == f"{commit}: '{title}'\ncommits: 1 {REMEDY}\n"


def test_each_of_several_is_named(history: History) -> None:
    history.follow(["one", "feat: a", "two", "three"])
    done = check(history)
    assert [line.partition(": ")[2] for line in done.out.splitlines()[:3]] == [
        *("'three'", "'two'", "'one'")
    ]
    assert "commits: 3 not conventional" in done.out


def test_the_title_of_a_pull_request_counts(history: History) -> None:
    history.follow(["feat: a"])
    assert check(history, **pull_request(history, "feat: 検索 🎉 (v2)")).status == 0

    done = check(history, **pull_request(history, "Add <b>search</b>"))

    assert done.status == 1
    assert done.out.splitlines() == [
        "the pull request's title: 'Add <b>search</b>' (edit it, close and reopen)",
        f"commits: 1 {REMEDY}",
    ]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"ref": "refs/heads/main"},
        {"merge_group": {"base_ref": "refs/heads/main"}},
    ],
)
def test_other_events_have_no_title(history: History, event: dict[str, object]) -> None:
    history.follow(["feat: a"])
    path = history.path.parent / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    done = check(history, GITHUB_EVENT_PATH=str(path))
    assert (done.status, done.out) == (0, "1 commits, all conventional\n")


def test_the_base_is_the_one_that_the_pull_request_names(history: History) -> None:
    history.git("switch", "--quiet", "--create", "late", "origin/develop")
    history.follow(["feat: a"])
    assert check(history, GITHUB_BASE_REF="develop").out == "1 commits, all conventional\n"
    assert "'also before them'" in check(history, GITHUB_BASE_REF="main").out


def test_a_merge_that_the_code_host_makes_is_looked_through(history: History) -> None:
    history.follow(["feat: a", "oops", "on pull origin/main", "merge topic"])
    done = check(history, **pull_request(history, "feat: a"))
    assert done.status == 1
    assert "'oops'" in done.out
    assert "before all rules" not in done.out


def test_what_is_pushed_is_landed_and_blocks_no_later_release(history: History) -> None:
    history.follow(["on develop", "oops", "feat: more"])
    history.git("push", "--quiet", "origin", "develop:alpha")
    history.git("fetch", "--quiet")
    assert check(history, GITHUB_REF="refs/heads/alpha").out == "0 commits, all conventional\n"
    assert "'oops'" in check(history, GITHUB_REF="refs/heads/topic").out  # run by hand
    queued = {"GITHUB_REF": "refs/heads/gh-readonly-queue/x"}
    for base, found in {"main": True, "alpha": False}.items():
        event = history.path.parent / "event.json"
        event.write_text(json.dumps({"merge_group": {"base_ref": f"refs/heads/{base}"}}))
        told = check(history, GITHUB_EVENT_PATH=str(event), **queued).out
        assert ("'oops'" in told) is found, told


def test_a_base_that_is_not_there_is_one_sentence(history: History) -> None:
    done = check(history, GITHUB_BASE_REF="release/1")
    assert (done.status, done.out) == (
        1,
        "commits: this clone does not know the base branch: git fetch origin release/1\n",
    )


def test_a_shallow_clone_is_one_sentence(history: History, tmp_path: Path) -> None:
    clone = History(tmp_path / "shallow")
    history.git("clone", "--quiet", "--depth=1", f"file://{history.path}", str(clone.path))
    done = check(clone, GITHUB_BASE_REF="main")
    assert (done.status, done.out) == (
        1,
        "commits: the history is cut off, and commits with it: git fetch --unshallow\n",
    )


def test_a_range_that_is_none_is_one_sentence(history: History) -> None:
    done = check(history, "nowhere..HEAD")
    assert done.status == 1
    assert done.out.startswith("commits: git says: bad revision 'nowhere..HEAD'")
    assert done.out.count("\n") == 1


def test_a_range_by_hand_is_what_counts(history: History) -> None:
    history.follow(["oops", "feat: a"])
    assert check(history, "HEAD~1..HEAD").out == "1 commits, all conventional\n"
    assert check(history, "HEAD~2..HEAD").status == 1


def test_without_a_remote_what_is_not_released_counts(tmp_path: Path) -> None:
    history = History(tmp_path / "small")
    history.begin_at("1.0.0")
    history.follow(["before all rules", "tag v1.0.0", "feat: a", "docs: b"])
    assert check(history).out == "2 commits, all conventional\n"


def test_a_default_branch_of_another_name_is_found(history: History, tmp_path: Path) -> None:
    history.git("--git-dir", str(tmp_path / "upstream" / ".git"), "branch", "-m", "main", "trunk")
    clone = History(tmp_path / "clone")
    history.git("clone", "--quiet", str(tmp_path / "upstream"), str(clone.path))
    clone.follow(["on topic", "feat: a"])
    assert check(clone).out == "1 commits, all conventional\n"


def test_no_repository_is_one_sentence(tmp_path: Path) -> None:
    done = check(History(tmp_path), GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.status == 1
    assert done.out.startswith("commits: git says: not a git repository")
    assert done.out.count("\n") == 1


def test_a_message_longer_than_a_project_allows_is_named(history: History) -> None:
    limits = 'version_provider = "uv"\nmessage_length_limit = 30'
    history.replace("pyproject.toml", 'version_provider = "uv"', limits)
    history.follow([f"feat: {'long ' * 9}"])
    done = check(history)
    assert done.status == 1
    assert "'feat: long long" in done.out
    assert "Traceback" not in done.out


def test_no_setting_of_git_and_no_locale_changes_what_it_says(history: History) -> None:
    history.follow(["feat: größer", "読み込み"])
    plain = check(history)
    for name, value in {
        "color.ui": "always",
        "log.decorate": "full",
        "log.showSignature": "true",
        "log.abbrevCommit": "false",
        "format.pretty": "oneline",
        "i18n.logOutputEncoding": "ISO-8859-1",
    }.items():
        history.git("config", name, value)
    assert check(history, LC_ALL="C", LANG="C") == plain
    assert "'読み込み'" in plain.out


def test_at_a_desk(project: Project) -> None:
    project.must("git", "switch", "--quiet", "--create", "topic")
    project.must("git", "tag", "v0.0.0")
    project.must("git", "commit", "--quiet", "--allow-empty", "--message=fix: 直す")
    done = project.nox("-s", "commits")
    assert done.status == 0, done.out
    assert "1 commits, all conventional" in done.out

    project.must("git", "commit", "--quiet", "--allow-empty", "--message=直す")
    done = project.nox("-s", "commits")
    assert done.status == 1
    assert "'直す'" in done.out
    assert "commits: 1 not conventional" in done.out
    assert "Traceback" not in done.out
