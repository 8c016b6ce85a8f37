"""Where nobody may push to main, a pull request carries the release, however it is merged."""

import pytest

from tests.github import PullRequest
from tests.releases.releaser import Releaser

HEAD = "release-main"


@pytest.fixture
def protected(releaser: Releaser) -> Releaser:
    """A project that says so, and a remote whose main takes no push with a release in it."""
    releaser.project.replace("pyproject.toml", "pull-request = false", "pull-request = true")
    releaser.project.commit("chore: release by pull requests")
    releaser.push()
    return releaser


def merge(releaser: Releaser, how: str) -> None:
    """Do what the buttons of the code host do, and delete the branch, as it does when told so."""
    releaser.project.must("git", "fetch", "--quiet", "--prune", "origin")
    head = f"origin/{HEAD}"
    commit = ["git", "commit", "--quiet", "--no-verify"]
    if how == "merge":
        message = "--message=Merge pull request #1"
        releaser.project.must("git", "merge", "--quiet", "--no-ff", message, head)
    elif how == "squash":
        releaser.project.must("git", "merge", "--quiet", "--squash", head)
        releaser.project.must(*commit, "--message=chore(release): 0.1.0 (#1)")
    else:
        releaser.project.must("git", "cherry-pick", head)  # a rebase: a hash of its own
        releaser.project.must(*commit, "--amend", "--no-edit", "--date=2026-01-01T00:00:00Z")
    releaser.push()
    releaser.project.must("git", "push", "--quiet", "origin", "--delete", HEAD)


def only(releaser: Releaser) -> PullRequest:
    """Return the pull request, which is the only one."""
    [found] = releaser.host.pull_requests
    return found


def test_it_is_opened_once_and_renewed_by_what_comes_in(protected: Releaser) -> None:
    main = protected.there("rev-parse", "main")
    out = protected.must_publish()
    assert "proposed 0.1.0: http" in out
    pull = only(protected)
    assert (pull.title, pull.head, pull.base) == ("chore(release): 0.1.0", HEAD, "main")
    assert (pull.body or "").startswith("Merging this releases 0.1.0.\n\n### Features\n\n- start ")
    assert protected.there("rev-list", "--parents", "-1", HEAD).split()[1:] == [main]
    changed = protected.there("diff", "--name-only", "main", HEAD).split()
    assert changed == ["CHANGELOG.md", "pyproject.toml", "uv.lock"]
    assert (protected.tags(), protected.host.releases) == ([], [])
    assert protected.there("rev-parse", "main") == main

    # Nothing came in: the branch stays, since a push would begin its checks anew.
    proposed, asked = protected.there("rev-parse", HEAD), len(protected.host.requests)
    protected.must_publish()
    assert protected.there("rev-parse", HEAD) == proposed
    assert {each.method for each in protected.host.requests[asked:]} == {"GET"}

    newer = protected.commit("feat!: begin anew")
    protected.must_publish()
    assert only(protected).number == pull.number
    assert "### Breaking changes" in (pull.body or "")
    assert protected.there("rev-list", "--parents", "-1", HEAD).split()[1:] == [newer]
    assert protected.tags() == []


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_merging_it_releases_what_it_says(protected: Releaser, how: str) -> None:
    protected.published("0.1.0")
    protected.must_publish()
    merge(protected, how)
    merged = protected.there("rev-parse", "main")
    out = protected.must_publish()
    assert "Everything is prepared in this commit; only its tag is missing." in out
    assert protected.tags() == ["v0.1.0"]
    assert protected.there("rev-parse", "v0.1.0^{commit}") == merged
    assert protected.there("rev-parse", "main") == merged
    assert [(each.tag, each.draft) for each in protected.host.releases] == [("v0.1.0", False)]
    assert len(protected.host.pull_requests) == 1
    # And the next one begins where this ended.
    protected.commit("fix: next")
    assert "proposed 0.1.1" in protected.must_publish()


def test_a_pull_request_that_tells_too_little_is_not_released(protected: Releaser) -> None:
    protected.must_publish()
    protected.commit("feat: came in beside it")
    merge(protected, "merge")
    out = protected.must_publish()
    assert "proposed 0.1.0" in out
    assert protected.tags() == []
    body = protected.host.pull_requests[-1].body or ""
    assert "came in beside it" in body
    assert "start from Slipway" in body
    merge(protected, "merge")
    protected.must_publish()
    assert protected.tags() == ["v0.1.0"]
    entry = protected.there("show", "v0.1.0:CHANGELOG.md")
    assert entry.count("## 0.1.0") == 1
    assert entry.count("came in beside it") == entry.count("start from Slipway") == 1


def test_a_version_that_was_merged_too_early_is_not_left_behind(protected: Releaser) -> None:
    protected.must_publish("--version", "1.0.0")
    protected.commit("fix: came in beside it")
    merge(protected, "merge")
    assert "proposed 1.0.0" in protected.must_publish()
    merge(protected, "merge")
    protected.must_publish()
    assert protected.tags() == ["v1.0.0"]
    assert protected.there("show", "v1.0.0:CHANGELOG.md").count("## 1.0.0") == 1


def test_one_whose_changes_are_taken_back_is_closed_and_releases_nothing(
    protected: Releaser,
) -> None:
    protected.published("0.1.0")
    protected.must_publish()
    merge(protected, "merge")
    protected.must_publish()
    shiny = protected.commit("feat: shiny")
    protected.must_publish()
    protected.commit(f'Revert "feat: shiny"\n\nThis reverts commit {shiny}.')
    merge(protected, "merge")  # by somebody who was quicker than the pipeline
    assert "Nothing to release" in protected.must_publish()
    assert protected.tags() == ["v0.1.0"]
    protected.commit("feat: at last")
    protected.must_publish()
    assert protected.host.pull_requests[-1].state == "open"
    body = protected.host.pull_requests[-1].body or ""
    assert ("at last" in body, "shiny" in body) == (True, False)


def test_one_that_nothing_asks_for_any_more_is_closed(protected: Releaser) -> None:
    protected.must_publish("--version", "0.1.0")
    first = protected.git("rev-list", "--max-parents=0", "HEAD")
    protected.commit(f'Revert "feat: start from Slipway"\n\nThis reverts commit {first}.')
    assert "Nothing to release" in protected.must_publish()
    assert only(protected).state == "closed"


def test_a_proposal_that_was_brought_up_to_date_by_hand_is_renewed(protected: Releaser) -> None:
    protected.must_publish()
    newer = protected.commit("fix: more")
    protected.project.must("git", "fetch", "--quiet")
    protected.project.must("git", "switch", "--quiet", HEAD)
    protected.project.must("git", "merge", "--quiet", "--no-ff", "--message=Merge main", newer)
    protected.push()
    protected.project.must("git", "switch", "--quiet", "main")
    protected.must_publish()
    assert protected.there("rev-list", "--parents", "-1", HEAD).split()[1:] == [newer]


def test_a_branch_of_somebody_is_not_written_over(protected: Releaser) -> None:
    theirs = protected.commit("feat: of mine", push=False)
    protected.project.must("git", "push", "--quiet", "origin", f"HEAD:{HEAD}")
    protected.project.must("git", "reset", "--quiet", "--hard", "HEAD~1")
    done = protected.publish()
    assert done.status == 1
    assert f"origin has a branch {HEAD} with commits of somebody" in done.out
    assert protected.there("rev-parse", HEAD) == theirs


def test_a_late_run_for_a_merge_leaves_no_pull_request_that_tells_it_again(
    protected: Releaser,
) -> None:
    protected.must_publish()
    merge(protected, "merge")
    merged = protected.git("rev-parse", "HEAD")
    protected.commit("fix: quick")
    protected.must_publish()  # whose checks were quicker
    assert [pull.state for pull in protected.host.pull_requests] == ["closed", "open"]
    protected.project.must("git", "reset", "--quiet", "--hard", merged)
    assert "pushed v0.1.0" in protected.must_publish()
    assert [pull.state for pull in protected.host.pull_requests] == ["closed", "closed"]
    # To repeat that run afterwards closes nothing that is newer, nor does it propose for others.
    protected.project.must("git", "pull", "--quiet")
    protected.must_publish()
    protected.project.must("git", "reset", "--quiet", "--hard", merged)
    protected.must_publish()
    assert protected.host.pull_requests[-1].state == "open"
    assert protected.host.pull_requests[-1].title == "chore(release): 0.1.1"
    done = protected.publish("--version", "2.0.0")
    assert (done.status, "2.0.0 is not released, for main has moved on" in done.out) == (1, True)
    assert protected.host.pull_requests[-1].title == "chore(release): 0.1.1"


def test_one_that_was_closed_is_proposed_again(protected: Releaser) -> None:
    protected.must_publish()
    only(protected).state = "closed"
    protected.commit("fix: more")
    protected.must_publish()
    assert [pull.state for pull in protected.host.pull_requests] == ["closed", "open"]


def test_a_repository_whose_workflows_may_open_none_is_told_where_that_is_set(
    protected: Releaser,
) -> None:
    protected.host.may_open_pull_requests = False
    done = protected.publish()
    assert done.status == 1
    assert done.out.splitlines()[-1] == (
        "release: the code host, asked for a pull request, says: 403 GitHub Actions is not"
        " permitted to create or approve pull requests. GITHUB_TOKEN needs `pull-requests: write`"
        " there, and the repository's settings for Actions decide whether workflows may open pull"
        " requests"
    )
    protected.host.may_open_pull_requests = True
    protected.must_publish()
    assert only(protected).state == "open"


def test_a_given_version_is_proposed_too(protected: Releaser) -> None:
    protected.must_publish("--version", "1.0.0")
    assert only(protected).title == "chore(release): 1.0.0"
    merge(protected, "squash")
    protected.must_publish()
    assert protected.tags() == ["v1.0.0"]


def test_an_entry_longer_than_a_pull_request_may_be_is_cut(protected: Releaser) -> None:
    for number in range(3):
        protected.commit(f"feat: {number} {'word ' * 6_000}", push=False)
    protected.push()
    protected.must_publish()
    body = only(protected).body or ""
    assert (len(body), body[-2:]) == (65_536, "\n…")
