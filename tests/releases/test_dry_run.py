"""What the session `release` tells without `--publish`: everything, anywhere; it changes nothing.

Most stories are of a small project, in which the session is the same process with the same words.
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.project import Done, Project
from tests.releases.histories import MANIFEST, History
from tests.releases.releaser import Releaser

MADE = MANIFEST.format(version="1.0.0")
OFFLINE = {
    "UV_OFFLINE": "1",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "small")
    history.begin_at("1.0.0")
    history.follow(["tag v1.0.0", "feat(api): a", "fix: b", "docs: c"])
    return history


def everything(folder: Path) -> dict[str, str]:
    """Return the hash of each file, of git's own too; what Python compiles is nobody's."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def is_one_sentence(done: Done) -> bool:
    """Tell whether a session was refused, and how it should be."""
    return done.status == 1 and done.out.startswith("release: ") and done.out.count("\n") == 1


def test_it_tells_all_of_a_release_and_changes_nothing(releaser: Releaser) -> None:
    first = releaser.git("rev-parse", "HEAD")
    second = releaser.commit("fix(api): answer <twice>")
    releaser.commit("docs: tell more")
    before = everything(releaser.project.path), everything(releaser.remote)
    url = "https://github.com/your-organization/my-service"

    done = releaser.dry_run(**OFFLINE)

    assert done.status == 0, done.out
    assert done.out.splitlines() == [
        "my-service 0.1.0, the first",
        "",
        "CHANGELOG.md gets",
        "",
        "  ## 0.1.0",
        "",
        "  ### Features",
        "",
        f"  - start from Slipway ([{first[:7]}]({url}/commit/{first}))",
        "",
        "  ### Fixes",
        "",
        f"  - **api:** answer &lt;twice> ([{second[:7]}]({url}/commit/{second}))",
        "",
        "git tag    v0.1.0",
        "image      ghcr.io/your-organization/my-service: 0.1.0, 0.1, latest",
        "files      CHANGELOG.md; pyproject.toml, uv.lock: 0.0.0 → 0.1.0",
        "",
        "because of",
        f"  {second[:7]}  patch   fix(api): answer <twice>",
        f"  {first[:7]}  minor   feat: start from Slipway",
        "",
        "Nothing was changed. To make it so: uv run nox -s release -- --publish",
    ]
    assert (everything(releaser.project.path), everything(releaser.remote)) == before


def test_at_a_desk(project: Project) -> None:
    project.must("uv", "sync", "--quiet")
    before = project.must("git", "status", "--porcelain"), project.must("git", "reflog", "--all")

    done = project.nox("-s", "release", "--", "--version", "2.0.0", GITHUB_TOKEN="")

    assert done.status == 0, done.out
    assert "my-service 2.0.0, the first" in done.out
    after = project.must("git", "status", "--porcelain"), project.must("git", "reflog", "--all")
    assert after == before
    assert project.must("git", "tag") == ""
    refused = project.nox("-s", "release", "--", "--version", "two")
    assert refused.status == 1
    assert "release: --version two: write it like 1.2.3, or 1.3.0b1 for a beta" in refused.out
    assert "Traceback" not in refused.out


def test_without_a_commit_that_asks_for_one_nothing_is_released(history: History) -> None:
    history.follow(["release", "docs: d", "Merge nothing"])
    before = everything(history.path)

    done = history.session()

    assert done.status == 0
    assert done.out.strip() == (
        "Nothing to release: no commit since v1.1.0 is a feat, a fix, a perf or breaks something."
    )
    assert everything(history.path) == before


def test_a_version_by_hand_is_told_with_its_reasons(history: History) -> None:
    history.follow(["on develop"])
    done = history.session("--version", "v2.0.0-beta.1")
    assert done.status == 0
    assert done.out.startswith("small 2.0.0b1, after v1.0.0\n")
    assert "git tag    v2.0.0b1\n" in done.out
    assert "  minor   feat(api): a\n" in done.out


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.0.0", "1.0.0 is released already: merge it into main, or give another --version"),
        ("0.9.0", "0.9.0 goes back: main is at 1.0.0 already; try a higher --version"),
        ("latest", "--version latest: write it like 1.2.3, or 1.3.0b1 for a beta"),
    ],
)
def test_a_version_that_cannot_be_is_refused(history: History, version: str, told: str) -> None:
    done = history.session("--version", version)
    assert (done.status, done.out) == (1, f"release: {told}\n")


def test_a_word_that_it_does_not_know_is_refused(history: History) -> None:
    for words in (["--pub"], ["--publsh"], ["2.0.0"], ["--version"]):
        done = history.session(*words)
        assert done.status == 2, done.out
        assert "usage: nox -s release --" in done.out


SETTINGS = {
    "color.ui": "always",
    "column.ui": "always",
    "core.abbrev": "4",
    "core.quotePath": "true",
    "core.pager": "false",
    "diff.external": "false",
    "format.pretty": "oneline",
    "i18n.logOutputEncoding": "ISO-8859-1",
    "log.abbrevCommit": "true",
    "log.date": "relative",
    "log.decorate": "full",
    "log.diffMerges": "separate",
    "log.follow": "true",
    "log.mailmap": "false",
    "log.showRoot": "true",
    "log.showSignature": "true",
    "status.branch": "true",
    "status.short": "true",
    "tag.sort": "-version:refname",
}


def test_no_setting_of_git_and_no_locale_changes_what_it_tells(history: History) -> None:
    history.follow(["fix: größer 読み込み", "on x", "fix: d", "on main", "docs: e", "merge x"])
    history.follow(["undo Merge x", "tag nightly"])
    plain = history.session()
    assert plain.status == 0
    for name, value in SETTINGS.items():
        history.git("config", name, value)

    assert history.session() == plain
    assert history.session(LC_ALL="C", LANG="C", TZ="Asia/Tokyo", TERM="xterm") == plain
    assert history.session(LC_ALL="", LANG="", LANGUAGE="de", GIT_TRACE="1") == plain


def test_a_dirty_tree_changes_nothing(history: History) -> None:
    plain = history.session()
    history.write("CHANGELOG.md", "# Mine\n")
    history.write("changes/more", "more")
    history.replace("pyproject.toml", 'version = "1.0.0"', 'version = "7.0.0"')
    history.must("git", "add", "changes")
    before = everything(history.path)

    assert history.session() == plain
    assert everything(history.path) == before


def copy_of(history: History, kind: str, folder: Path) -> History:
    """Return another one's repository, made from this one."""
    history.git("config", "uploadpack.allowFilter", "true")
    if kind == "worktree":
        history.git("worktree", "add", "--quiet", "--force", str(folder), "main")
    else:
        options = {"partial": ["--filter=blob:none", "--no-local"], "treeless": ["--filter=tree:0"]}
        address = f"file://{history.path}" if kind in options else str(history.path)
        history.git("clone", "--quiet", *options.get(kind, [f"--{kind}"]), address, str(folder))
    return History(folder, history.environment)


@pytest.mark.parametrize("kind", ["worktree", "shared", "local", "partial", "treeless"])
def test_every_kind_of_clone_tells_the_same(history: History, kind: str, tmp_path: Path) -> None:
    plain = history.session()
    clone = copy_of(history, kind, tmp_path / "clone")
    if kind != "worktree":
        clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    before = everything(clone.path)

    assert clone.session(**OFFLINE) == plain
    assert everything(clone.path) == before


def test_a_shallow_clone_is_one_sentence(history: History, tmp_path: Path) -> None:
    history.git("clone", "--quiet", "--depth=1", f"file://{history.path}", str(tmp_path / "clone"))
    done = History(tmp_path / "clone", history.environment).session()
    assert is_one_sentence(done), done.out
    assert "git fetch --unshallow --tags" in done.out


def test_other_branches_are_one_sentence(history: History) -> None:
    history.follow(["on feature/x"])
    done = history.session()
    assert is_one_sentence(done), done.out
    assert "nothing is released from the branch feature/x: releases come from main" in done.out
    history.git("checkout", "--quiet", "--detach")
    done = history.session()
    assert is_one_sentence(done), done.out
    assert "nothing is released from a bare commit" in done.out


def test_no_repository_is_one_sentence(tmp_path: Path) -> None:
    folder = History(tmp_path / "small")
    folder.path.mkdir()
    done = folder.session(GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert is_one_sentence(done), done.out
    assert "git init, and commit" in done.out
    folder.must("git", "init", "--quiet")
    assert folder.session() == done


def test_a_repository_that_git_distrusts_is_one_sentence_that_says_so(history: History) -> None:
    done = history.session(GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert is_one_sentence(done), done.out
    assert "dubious ownership" in done.out


def test_a_machine_without_git_is_one_sentence_that_says_so(
    history: History, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    done = history.session(PATH=str(tmp_path / "bin"))
    assert done.out == "release: git is not on PATH: install it first\n"


def test_a_folder_of_a_bigger_repository_is_one_sentence_that_says_so(tmp_path: Path) -> None:
    whole = History(tmp_path / "whole")
    whole.begin_at("9.9.9")  # has a pyproject.toml and a lock of its own
    shutil.copytree(
        whole.path, whole.path / "services" / "small", ignore=shutil.ignore_patterns(".git")
    )
    whole.commit("feat: a service")
    done = History(whole.path / "services" / "small", whole.environment).session()
    assert is_one_sentence(done), done.out
    assert "repository" in done.out


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        pytest.param("uv.lock", None, "uv.lock is not in git", id="no lock"),
        pytest.param("pyproject.toml", None, "project.name is missing", id="no pyproject.toml"),
        pytest.param("pyproject.toml", "", "project.name is missing", id="nothing in it"),
        pytest.param(
            "pyproject.toml",
            MADE.replace('version = "1.0.0"', 'dynamic = ["version"]'),
            "pyproject.toml: project.version is missing: set it to the last release, or 0.0.0",
            id="no version",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.replace("Repository", "Source"),
            "pyproject.toml: project.urls.Repository is missing",
            id="no address",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.replace("https://", "git@"),
            "project.urls.Repository must be like https://host/owner/name (got git@",
            id="an address that is none",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.replace("[tool.release]", "[tool.release]\npull_request = true"),
            "tool.release must be a table of channels and pull-request (got channels, pull-request,"
            " pull_request)",
            id="a setting that is none",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.partition("[tool.release]")[0] + "[tool]\nrelease = 3\n",
            "tool.release must be a table of channels and pull-request",
            id="no table of settings",
        ),
        pytest.param(
            "pyproject.toml", MANIFEST.format(version="one"), "pyproject.toml", id="bad version"
        ),
        pytest.param("pyproject.toml", "[project\n", "pyproject.toml", id="no TOML"),
        pytest.param(
            "pyproject.toml",
            MADE.replace('name = "small"\n', ""),
            "pyproject.toml: project.name is missing",
            id="no name",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.replace('main = "stable"', "main = 1"),
            "tool.release.channels.main must be one of stable, rc, beta, alpha (got 1)",
            id="a channel that is none",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.replace('main = "stable"', 'main = ["stable"]'),
            "tool.release.channels.main",
            id="a list of channels",
        ),
        pytest.param(
            "pyproject.toml",
            MADE.partition("channels")[0] + 'channels = "main"\n',
            "tool.release.channels",
            id="no table of channels",
        ),
    ],
)
def test_what_a_project_lacks_is_one_sentence(
    history: History, path: str, text: str | None, told: str
) -> None:
    if text is None:
        (history.path / path).unlink()
    else:
        history.write(path, text)
    history.commit("fix: break it")
    done = history.session()
    assert is_one_sentence(done), done.out
    assert told in done.out


def test_letters_that_would_be_lost_are_one_sentence(history: History) -> None:
    (history.path / "CHANGELOG.md").write_bytes("# Änderungen\n".encode("latin-1"))
    history.commit("docs: in another encoding")
    done = history.session()
    assert is_one_sentence(done), done.out
    assert "CHANGELOG.md is not in UTF-8" in done.out


@pytest.mark.parametrize("path", ["CHANGELOG.md", "README.md"])
def test_what_a_project_need_not_have(history: History, path: str) -> None:
    (history.path / path).unlink(missing_ok=True)
    history.commit("chore: do without")
    assert history.session().out.startswith("small 1.1.0, after v1.0.0\n")


def test_a_project_without_settings_releases_from_main_alone(history: History) -> None:
    bare = MADE.partition("[tool.commitizen]")[0]
    history.write("pyproject.toml", bare)
    history.commit("chore: do without")
    assert history.session().out.startswith("small 1.1.0, after v1.0.0\n")
    history.follow(["on develop"])
    done = history.session()
    assert is_one_sentence(done), done.out
    assert "releases come from main, 1.2.x" in done.out


def test_what_a_message_holds_does_not_reach_the_terminal(history: History) -> None:
    history.commit("fix: \x1b[2Jnothing to see \x1b]0;here\x07")
    done = history.session()
    assert done.status == 0, done.out
    assert "nothing to see" in done.out
    assert "\x1b" not in done.out
    assert "\x1b" not in history.report()


def test_a_prepared_release_is_told_as_such(history: History) -> None:
    plan = history.release()
    history.git("tag", "--delete", plan.tag)

    done = history.session()

    assert done.status == 0
    assert done.out.startswith("small 1.1.0, after v1.0.0\n")
    assert "Everything is prepared in this commit; only its tag is missing." in done.out
    assert "git tag    v1.1.0\n" in done.out
    assert "\nfiles" not in done.out
    history.follow(["fix: d"])
    done = history.session()
    assert "files      CHANGELOG.md; pyproject.toml, uv.lock: 1.1.0 → 1.1.0\n" in done.out
    assert "  patch   fix: d\n" in done.out
    assert "  minor   feat(api): a\n" in done.out
