"""What others do meanwhile: a release is refused whole, and the next run knows what to do."""

import os
import shlex
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.releases.releaser import Releaser

NOTHING = "Nothing is released: main has moved on to "


def before_pushing(releaser: Releaser, folder: Path, script: str) -> dict[str, str]:
    """Return the variables with which a script runs right before git pushes."""
    real = shlex.quote(str(shutil.which("git", path=releaser.project.environment["PATH"])))
    lines = [
        "#!/bin/sh",
        f'case " $* " in *" push --atomic "*) ( {script} ) >/dev/null 2>&1;; esac',
        f'exec {real} "$@"',
    ]
    folder.mkdir()
    (folder / "git").write_text("\n".join(lines) + "\n")
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{releaser.project.environment['PATH']}"}


def untouched(releaser: Releaser, commit: str) -> None:
    """Hold that nothing of a release is to be seen."""
    assert releaser.tags() == []
    assert releaser.git("tag") == ""
    assert releaser.git("rev-parse", "HEAD") == commit
    assert releaser.git("status", "--porcelain") == ""
    assert releaser.host.releases == []


def test_a_push_of_somebody_else_in_between_refuses_the_whole_release(
    releaser: Releaser, tmp_path: Path
) -> None:
    other = releaser.clone(tmp_path / "other")
    other.commit("fix: meanwhile", push=False)
    commit = releaser.git("rev-parse", "HEAD")
    push = f"git -C {shlex.quote(str(other.project.path))} push --quiet"
    done = releaser.publish(**before_pushing(releaser, tmp_path / "armed", push))
    assert done.status == 1
    assert "origin did not take it, and nothing was pushed: the branch has moved on" in done.out
    assert "Traceback" not in done.out
    untouched(releaser, commit)

    again = releaser.publish()
    assert again.status == 0
    assert NOTHING + other.git("rev-parse", "HEAD")[:7] in again.out
    untouched(releaser, commit)

    releaser.project.must("git", "pull", "--quiet")
    releaser.must_publish()
    assert "meanwhile" in releaser.there("show", "v0.1.0:CHANGELOG.md")
    assert releaser.tags() == ["v0.1.0"]


def test_an_older_run_of_the_pipeline_leaves_the_release_to_the_newer(
    releaser: Releaser, tmp_path: Path
) -> None:
    other = releaser.clone(tmp_path / "other")
    other.commit("fix: newer")
    output = tmp_path / "output"
    done = releaser.publish(GITHUB_OUTPUT=str(output))
    assert (done.status, NOTHING in done.out) == (0, True)
    assert output.read_text() == "tag=\nrefs=\n"
    untouched(releaser, releaser.git("rev-parse", "HEAD"))


@pytest.mark.parametrize("seconds", [0, 1])  # in the same one, both make the same objects
def test_of_two_releases_at_once_one_is_made(
    releaser: Releaser, tmp_path: Path, seconds: int
) -> None:
    other = releaser.clone(tmp_path / "other")
    meeting = threading.Barrier(2)  # both have asked the remote, and neither has pushed
    releaser.host.on("GET", "/releases", lambda: waited(meeting))
    dates = [f"{1_800_000_000 + each} +0000" for each in (0, seconds)]
    runs = [
        each.start(GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        for each, date in zip((releaser, other), dates, strict=True)
    ]
    results = [(run.communicate(timeout=120)[0], run.returncode) for run in runs]
    assert sorted(status for _, status in results) == [0, 1], results
    [refused] = [out.splitlines()[-1] for out, status in results if status]
    told = ("the branch has moved on", "that tag exists", "another run has just pushed v0.1.0")
    assert any(each in refused for each in told), refused
    assert releaser.tags() == ["v0.1.0"]

    for each in (releaser, other):
        each.must_publish()
    assert releaser.tags() == ["v0.1.0"]
    assert len(releaser.host.releases) == 1
    assert releaser.there("rev-list", "--count", "main") == "2"


def waited(meeting: threading.Barrier) -> None:
    """Wait for the other, once."""
    with suppress(threading.BrokenBarrierError):
        meeting.wait(timeout=60)
        meeting.abort()


HOOK = '#!/bin/sh\ncase "$1" in refs/heads/main) echo "{}" >&2; exit 1;; esac\n'
TAGS = HOOK.replace("refs/heads/main", "refs/tags/*")
REFUSALS = {
    "protected": ("error: GH006: Protected branch update failed", "pull-request = true"),
    "a ruleset": ("error: GH013: Repository rule violations found", "pull-request = true"),
    "a rule of the company": ("no releases on a Friday (403)", "no releases on a Friday (403)"),
}


def test_protected_tags_are_told_as_such(releaser: Releaser) -> None:
    hook = releaser.remote / "hooks" / "update"
    hook.write_text(
        TAGS.format("error: GH013: Repository rule violations found for refs/tags/v0.1.0")
    )
    hook.chmod(0o755)
    done = releaser.publish()
    assert (done.status, "a rule protects tags like this one" in done.out) == (1, True), done.out
    untouched(releaser, releaser.git("rev-parse", "HEAD"))


@pytest.mark.parametrize(("said", "remedy"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_protected_branch_refuses_the_whole_release(
    releaser: Releaser, said: str, remedy: str
) -> None:
    hook = releaser.remote / "hooks" / "update"
    hook.write_text(HOOK.format(said))
    hook.chmod(0o755)
    done = releaser.publish()
    assert (done.status, remedy in done.out, "Traceback" in done.out) == (1, True, False)
    untouched(releaser, releaser.git("rev-parse", "HEAD"))
    hook.unlink()
    releaser.must_publish()


def test_a_remote_that_is_gone_is_told(releaser: Releaser) -> None:
    away = releaser.remote.rename(releaser.remote.with_suffix(".away"))
    done = releaser.publish()
    assert done.status == 1
    assert done.out.startswith("release: origin cannot be fetched: git says: ")
    away.rename(releaser.remote)
    releaser.must_publish()


def test_what_somebody_else_drafted_and_nobody_published_is_taken_up_by_its_own_run(
    releaser: Releaser, tmp_path: Path
) -> None:
    other = releaser.clone(tmp_path / "other")
    releaser.host.fail_next("POST", "/releases", 502)
    assert releaser.publish().status == 1
    assert releaser.tags() == ["v0.1.0"]
    released = releaser.there("rev-parse", "main")
    other.project.must("git", "pull", "--quiet")
    other.commit("docs: more")
    releaser.git("reset", "--quiet", "--hard", f"{released}~1")  # as its run would check it out
    output = tmp_path / "output"
    out = releaser.must_publish(GITHUB_OUTPUT=str(output))
    assert "a draft on the code host until its image is published here" in out
    assert output.read_text() == "tag=v0.1.0\nrefs=refs/tags/v0.1.0\n"


def test_a_run_that_is_repeated_after_its_release_publishes_nothing_again(
    releaser: Releaser, tmp_path: Path
) -> None:
    begun = releaser.git("rev-parse", "HEAD")
    for _ in ("tagged", "shown"):
        releaser.published("0.1.0")
        releaser.must_publish()
    releaser.git("reset", "--quiet", "--hard", begun)
    output = tmp_path / "output"
    assert "v0.1.0 is released" in releaser.must_publish(GITHUB_OUTPUT=str(output))
    assert output.read_text() == "tag=\nrefs=\n"


def test_a_version_by_hand_is_not_lost_though_main_has_moved_on(
    releaser: Releaser, tmp_path: Path
) -> None:
    releaser.clone(tmp_path / "other").commit("docs: more")
    done = releaser.publish("--version", "2.0.0")
    assert done.status == 1
    assert done.out.startswith("release: 2.0.0 is not released, for main has moved on to ")


def test_a_tag_by_hand_on_a_newer_commit_is_not_taken_for_the_release_of_this(
    releaser: Releaser, tmp_path: Path
) -> None:
    other = releaser.clone(tmp_path / "other")
    other.commit("fix: newer")
    other.project.must("git", "tag", "v0.5.0")
    other.project.must("git", "push", "--quiet", "origin", "v0.5.0")
    output = tmp_path / "output"
    done = releaser.publish(GITHUB_OUTPUT=str(output))
    assert (done.status, NOTHING in done.out) == (0, True), done.out
    assert output.read_text() == "tag=\nrefs=\n"


def test_an_older_commit_that_is_a_beta_is_left_to_the_newer(
    releaser: Releaser, tmp_path: Path
) -> None:
    releaser.project.must("git", "tag", "v0.1.0b1")
    releaser.project.must("git", "push", "--quiet", "origin", "v0.1.0b1")
    releaser.clone(tmp_path / "other").commit("fix: newer")
    done = releaser.publish()
    assert (done.status, NOTHING in done.out) == (0, True), done.out


def test_a_tag_that_only_one_side_knows_counts_for_nothing(releaser: Releaser) -> None:
    releaser.project.must("git", "tag", "nightly")
    releaser.project.must("git", "tag", "v9.0.0")
    done = releaser.publish()
    assert done.status == 1
    told = "release: the tag v9.0.0 does not exist on origin: git tag --delete v9.0.0\n"
    assert done.out == told
    releaser.project.must("git", "push", "--quiet", "origin", "v9.0.0", "nightly")
    releaser.commit("feat: later")
    for tag in ("v9.0.0", "nightly"):
        releaser.project.must("git", "tag", "--force", tag)
    assert "the tag v9.0.0 is another on origin" in releaser.publish().out
    releaser.project.must("git", "tag", "--delete", "v9.0.0")
    assert "9.1.0, after v9.0.0" in releaser.must_publish()


def test_a_release_is_not_shown_where_the_code_host_would_make_up_its_tag(
    releaser: Releaser, tmp_path: Path
) -> None:
    fork = tmp_path / "fork.git"
    releaser.project.must("git", "clone", "--quiet", "--bare", str(releaser.remote), str(fork))
    releaser.project.must("git", "remote", "set-url", "origin", str(fork))
    releaser.published("0.1.0")
    done = releaser.publish()
    assert done.status == 1
    assert "has not this tag v0.1.0: is it your origin?" in done.out
    assert [each.draft for each in releaser.host.releases] == [True]
    assert releaser.host.tags_made_up == []


STATES = {
    "no token": ([], {"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
    "changes that are not committed": (
        [["sh", "-c", "echo >> README.md"]],
        {},
        "the working tree has changes that no commit holds",
    ),
    "commits that are not pushed": (
        [["git", "commit", "--quiet", "--allow-empty", "--message=fix: here"]],
        {},
        "origin/main lacks 1 of the commits here",
    ),
    "a branch without a channel": (
        [
            ["git", "switch", "--quiet", "--create", "mine"],
            ["git", "push", "--quiet", "origin", "mine"],
        ],
        {},
        "nothing is released from the branch mine",
    ),
    "a branch that nobody knows": (
        [["git", "switch", "--quiet", "--create", "develop"]],
        {},
        "origin has no branch develop",
    ),
    "a bare commit": (
        [["git", "checkout", "--quiet", "--detach"]],
        {},
        "nothing is released from a bare commit",
    ),
    "no remote": ([["git", "remote", "remove", "origin"]], {}, "origin cannot be fetched"),
    "a template that cannot count": (
        [
            ["sh", "-c", "echo '{{ 1 / 0 }}' > .github/release-notes.md.j2"],
            ["git", "commit", "--quiet", "--all", "--message=docs: notes"],
            ["git", "push", "--quiet"],
        ],
        {},
        ".github/release-notes.md.j2: division by zero",
    ),
    "a template that includes what is not there": (
        [
            ["sh", "-c", "echo '{% include \"more.j2\" %}' > .github/release-notes.md.j2"],
            ["git", "commit", "--quiet", "--all", "--message=docs: notes"],
            ["git", "push", "--quiet"],
        ],
        {},
        "more.j2 is missing",
    ),
    "a broken template for notes": (
        [
            ["sh", "-c", "echo '{% if %}' > .github/release-notes.md.j2"],
            ["git", "commit", "--quiet", "--all", "--message=docs: notes"],
            ["git", "push", "--quiet"],
        ],
        {},
        ".github/release-notes.md.j2:1: ",
    ),
    "a template with a name that is none": (
        [
            ["sh", "-c", "echo '{{ imag }}' > .github/release-notes.md.j2"],
            ["git", "commit", "--quiet", "--all", "--message=docs: notes"],
            ["git", "push", "--quiet"],
        ],
        {},
        ".github/release-notes.md.j2: 'imag' is undefined",
    ),
}


@pytest.mark.parametrize(("steps", "variables", "told"), STATES.values(), ids=STATES.keys())
def test_what_is_not_fit_to_be_released_is_one_sentence_before_anything_is_pushed(
    releaser: Releaser, steps: list[list[str]], variables: dict[str, str], told: str
) -> None:
    for step in steps:
        releaser.project.must(*step)
    done = releaser.publish(**variables)
    assert (done.status, "Traceback" in done.out) == (1, False), done.out
    assert f"release: {told}" in done.out
    assert releaser.tags() == []
    assert releaser.git("tag") == ""


def test_somebody_whom_git_does_not_know_is_told_how_to_introduce_themselves(
    releaser: Releaser,
) -> None:
    names = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME")
    unset = ["env", *(f"--unset={name}" for name in names), *releaser.command("--publish")]
    done = releaser.project.run(*unset, **releaser.online)
    assert done.status == 1
    assert done.out.splitlines()[-1] == (
        "release: git does not know you: git config --global user.name NAME, and user.email"
    )
    robot = releaser.project.run(*unset, **releaser.online, GITHUB_ACTIONS="true")
    assert robot.status == 0, robot.out
    told = releaser.there("log", "--max-count=1", "--format=%an <%ae>", "main")
    assert told == "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"


FAULTS = {
    "401": (401, "401 Bad credentials. GITHUB_TOKEN needs"),
    "403": (403, "403 Resource not accessible by integration. GITHUB_TOKEN needs"),
    "500": (500, "Run it again to complete it"),
}


@pytest.mark.parametrize(("status", "told"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_code_host_that_refuses_is_told_and_the_next_run_completes(
    releaser: Releaser, method: str, status: int, told: str
) -> None:
    releaser.published("0.1.0")
    releaser.host.fail_next(method, "/releases", status)
    done = releaser.publish()
    assert (done.status, "Traceback" in done.out) == (1, False), done.out
    assert told in done.out.splitlines()[-1]
    assert releaser.tags() == ([] if method == "GET" else ["v0.1.0"])
    releaser.must_publish()
    assert [(it.tag, it.draft) for it in releaser.host.releases] == [("v0.1.0", False)]


def test_a_code_host_that_is_away_is_told(releaser: Releaser) -> None:
    done = releaser.publish(GITHUB_API_URL="http://127.0.0.1:9")
    assert done.status == 1
    assert "does not answer: " in done.out
    assert "Run it again to complete it" in done.out
    assert releaser.tags() == []
