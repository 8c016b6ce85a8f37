"""The weekly workflow: an update becomes a pull request, or a draft that lists its conflicts."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.github import CodeHost
from tests.parity.act import Act
from tests.parity.shipping import hosted
from tests.project import Done, Project
from tests.releases.releaser import OWNER, Releaser
from tests.update.conftest import FUTURE, moved

WORKFLOW = ".github/workflows/template.yml"
BRANCH = "template-update"
UPDATE = (sys.executable, "-m", "pipeline.template", "--proposal", "reports/template")
PROPOSE = (sys.executable, "-m", "pipeline.template.propose", "reports/template")


@pytest.fixture
def weekly(project: Project, tmp_path: Path) -> Iterator[Releaser]:
    """A project of the newest version but one, pushed, at a code host."""
    remote = tmp_path / "remote.git"
    project.must("git", "init", "--quiet", "--bare", "--initial-branch=main", remote)
    project.must("git", "remote", "add", "origin", remote)
    with CodeHost(f"{OWNER}/my-service", remote=remote) as host:
        weekly = Releaser(project, remote, host)
        weekly.push()
        yield weekly


def propose(weekly: Releaser) -> Done:
    """Do what the two jobs do, one after the other; return what the second said."""
    weekly.project.must(*UPDATE)
    return weekly.project.run(*PROPOSE, **weekly.online)


def test_a_new_version_becomes_one_pull_request_with_the_changelog(weekly: Releaser) -> None:
    first = propose(weekly)

    assert first.status == 0, first.out
    [pull] = weekly.host.pull_requests
    assert (pull.head, pull.base, pull.draft) == (BRANCH, "main", False)
    assert pull.title == "build: take in version 1000.1.0 of the template"
    assert "From 1000.0.0 to 1000.1.0 of the template.\n" in str(pull.body)
    assert "### 1000.1.0\n\n#### Generated projects\n\n- Wait for the future.\n" in str(pull.body)
    assert "## 0.1.0" not in str(pull.body)
    assert "| noxfile.py | updated |\n" in str(pull.body)
    assert weekly.there("log", "--format=%s", f"main..{BRANCH}") == pull.title
    tip = weekly.there("rev-parse", BRANCH)
    assert FUTURE in weekly.there("show", f"{BRANCH}:.copier-answers.yml")
    assert weekly.project.must("git", "status", "--porcelain") == ""
    assert weekly.project.must("git", "branch", "--format=%(refname)") == "refs/heads/main\n"

    # Again: nothing is pushed, and nothing is opened.
    assert propose(weekly).status == 0
    assert len(weekly.host.pull_requests) == 1
    assert weekly.there("rev-parse", BRANCH) == tip

    # After another commit, the same branch and pull request are renewed.
    weekly.commit("feat: go on")
    assert propose(weekly).status == 0
    assert len(weekly.host.pull_requests) == 1
    assert weekly.there("rev-parse", f"{BRANCH}^") == weekly.there("rev-parse", "main")


def test_what_somebody_pushed_to_the_branch_is_kept(weekly: Releaser) -> None:
    propose(weekly)
    project = weekly.project
    project.must("git", "switch", "--quiet", BRANCH)
    weekly.commit("fix: mend it")
    project.must("git", "switch", "--quiet", "main")
    weekly.commit("feat: go on")

    done = propose(weekly)

    assert done.status == 0
    assert f"origin keeps what somebody has pushed to {BRANCH}" in done.out
    assert weekly.there("log", "-1", "--format=%s", BRANCH) == "fix: mend it"


def test_conflicts_make_a_draft_that_lists_them(weekly: Releaser, awkward: Project) -> None:
    moved(weekly.project, awkward)
    weekly.project.replace("README.md", "## Five minutes", "## Ten minutes")
    weekly.project.commit()
    weekly.push()

    assert propose(weekly).status == 0

    [pull] = weekly.host.pull_requests
    assert pull.draft
    assert "## Conflicts\n" in str(pull.body)
    assert "\n- `README.md`\n" in str(pull.body)
    assert "<<<<<<< yours" in weekly.there("show", f"{BRANCH}:README.md")


def test_without_anything_new_nothing_is_handed_over(
    weekly: Releaser, slipway: Project, tmp_path: Path
) -> None:
    moved(weekly.project, slipway)
    output = tmp_path / "output"
    told = weekly.project.must(*UPDATE, GITHUB_OUTPUT=str(output))
    assert told == "Nothing new: the project is of 1000.0.0.\n"
    assert not output.exists()
    assert not (weekly.project.path / "reports" / "template").exists()


def test_what_cannot_be_proposed_is_told_in_one_sentence(weekly: Releaser) -> None:
    def refused(sentence: str, **variables: str) -> None:
        done = weekly.project.run(*PROPOSE, **weekly.online | variables)
        assert done.status == 1
        assert sentence in done.out
        assert len(done.out.splitlines()) == 1, done.out
        assert weekly.host.pull_requests == []

    refused("template-propose: reports/template holds no update: ")
    weekly.project.must(*UPDATE)
    refused("template-propose: GITHUB_TOKEN is not set", GITHUB_TOKEN="")
    hook = weekly.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\necho 'refusing to allow a GitHub App to create or update workflow"
        " `.github/workflows/ci.yml` without `workflows` permission' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    refused("the token may not change workflows. Keep one that may as the secret TEMPLATE_TOKEN")
    hook.unlink()
    weekly.commit("feat: go on")
    refused("reports/template holds the update of another commit: run the workflow again")
    about = weekly.project.path / "reports" / "template" / "proposal.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"commit": "0" * 40}))
    refused("reports/template holds the update of another commit: run the workflow again")


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Return a runner whose every trace is in a folder of this test."""
    return Act(tmp_path / "act")


def test_the_workflow_does_so_and_only_its_second_job_has_the_token(
    weekly: Releaser, act: Act
) -> None:
    run = act.run(weekly.project, "schedule", WORKFLOW, *hosted(weekly.host))

    jobs = yaml.safe_load((weekly.project.path / WORKFLOW).read_text(encoding="utf-8"))["jobs"]
    assert "secrets." not in str(jobs["update"])
    assert "github.token" not in str(jobs["update"])
    assert run.status == 0, run.out
    assert run.jobs.keys() == {"update", "propose"}
    assert all(job.passed for job in run.jobs.values()), run.out
    [pull] = weekly.host.pull_requests
    assert pull.title == "build: take in version 1000.1.0 of the template"
    assert weekly.project.must("git", "status", "--porcelain") == ""
