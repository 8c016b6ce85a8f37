"""Tell the next release; with --publish, make it.

What an earlier run left unfinished is completed, and nothing is made twice.

    python -m pipeline.release [--publish] [--version 1.2.3]
"""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from packaging.version import Version

from pipeline.release.completion import complete, try_notes
from pipeline.release.here import Here
from pipeline.release.host import CodeHost
from pipeline.release.landing import REMOTE, Workshop, fetch, push
from pipeline.release.plan import CHANGED, TITLE, Plan, planned
from pipeline.release.report import report, tell
from pipeline.release.version import Channel, given
from pipeline.shell import FailedError, read

NONE = "no commit"
NO_SIGNATURES = ("-c", "log.showSignature=false")
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
DRY = "Nothing was changed. To make it so: uv run nox -s release -- --publish"


def publish(wanted: Version | None) -> None:
    """Make the release of what is checked out, or complete it; see the module.

    Raises:
        FailedError: it is not released, or not completed; a second run does what is left.
    """
    here = Here.find()
    host = CodeHost.find(here.url)
    if read("git", "status", "--porcelain", "--untracked-files=no"):
        msg = "the working tree has changes that no commit holds: commit them, or git stash"
        raise FailedError(msg)
    fetch(here.url)
    if not here.branch and here.releases.here:  # a tag, whose image is published by now
        output(complete(here, host), "")
        return
    channel = Channel.of(here.branch, here.settings["channels"])
    checked_out = here.commit
    here = latest(here)
    moved = tip(here.branch) != here.commit
    if moved and (wanted or not (here.releases.done(channel.letter) or here.is_ready)):
        newer = f"{here.branch} has moved on to {tip(here.branch)[:7]}"
        if wanted:
            msg = f"{wanted} is not released, for {newer}: git pull, or run the workflow again"
            raise FailedError(msg)
        tell(
            f"Nothing is released: {newer}, whose own run of the\n"
            "pipeline releases this, too. If it has none, run the workflow by hand; at a desk:\n"
            "git pull, and run it again."
        )
        output("", "")
        return
    plan = planned(here, wanted)
    tell(report(here, plan))
    if plan and not plan.prepared and here.settings["pull-request"]:
        propose(here, plan, host)
    elif plan:
        try_notes(here, plan)  # this, and whether the code host lets us in,
        host.release(plan.tag)  # is better known before anything is pushed
        complete(here, host)  # what was released before
        here = landed(here, plan)
    tag = complete(here, host)
    old = moved or (not tag and here.commit != checked_out)  # its image is published already
    output(tag, "" if old else here.branch)
    if here.settings["pull-request"] and (plan.prepared if plan else not moved):
        done = plan.title if plan else ""  # a proposal of it, or one for which nothing asks
        host.withdraw(proposal(here.branch), here.branch, done)


def tip(branch: str) -> str:
    """Return the newest commit of a branch on the remote.

    Raises:
        FailedError: it is not there.
    """
    try:
        return read("git", "rev-parse", "--verify", "--quiet", f"refs/remotes/{REMOTE}/{branch}")
    except FailedError:
        msg = f"{REMOTE} has no branch {branch}: git push"
        raise FailedError(msg) from None


def latest(here: Here) -> Here:
    """Return what is to be released: what is checked out, or the release that was made of it.

    Raises:
        FailedError: it holds commits that the remote does not.
    """
    newest = tip(here.branch)
    ahead = read("git", "rev-list", "--count", f"{newest}..{here.commit}")
    if ahead != "0":
        msg = f"{REMOTE}/{here.branch} lacks {ahead} of the commits here: git pull, and git push"
        raise FailedError(msg)
    path = ("--first-parent", "--ancestry-path", "--parents", f"{here.commit}..{newest}")
    above = read("git", "rev-list", *path).splitlines()[-1:]
    for commit, *parents in map(str.split, above):
        there = Here(commit, here.branch)
        ours = told(commit, "%s").startswith(TITLE)
        if ours and there.releases.here and parents == [here.commit]:
            follow(commit)
            return there
    return here


def follow(commit: str) -> None:
    """Move the branch that is checked out up to a commit, as `git pull` would."""
    with suppress(FailedError):
        read("git", *NO_HOOKS, "merge", "--ff-only", "--quiet", commit)


def landed(here: Here, plan: Plan) -> Here:
    """Push a release's commit and tag, and return where it is.

    Raises:
        FailedError: the remote takes neither of them.
    """
    text = f"{here.name} {plan.version}\n\n{plan.entry}\n"
    with Workshop.open() as workshop:
        commit, updates = here.commit, []
        if not plan.prepared:
            commit = workshop.commit(here.commit, CHANGED, plan.write, plan.title)
            updates = [f"{commit}:refs/heads/{here.branch}"]
        tag = workshop.tag(plan.tag, commit, text)
    if not push(here.url, *updates, f"{tag}:refs/tags/{plan.tag}"):  # the same, to the second
        msg = f"another run has just pushed {plan.tag}, and completes it"
        raise FailedError(msg)
    tell(f"pushed {plan.tag} and {commit[:7]}" if updates else f"pushed {plan.tag}")
    read("git", *NO_HOOKS, "update-ref", f"refs/tags/{plan.tag}", tag)
    follow(commit)
    return Here(commit, here.branch)


def propose(here: Here, plan: Plan, host: CodeHost) -> None:
    """Push a release's commit to a branch of its own, and open a pull request for it.

    Raises:
        FailedError: the remote or the code host refuses it; a second run does what is left.
    """
    head, title = proposal(here.branch), plan.title
    with Workshop.open() as workshop:
        commit = workshop.commit(here.commit, CHANGED, plan.write, title)
    there = f"refs/remotes/{REMOTE}/{head}"
    own = titles(f"{tip(here.branch)}..{there}")
    if own and not any(each.startswith(TITLE) for each in own):
        msg = f"{REMOTE} has a branch {head} with commits of somebody: rename it, or delete it"
        raise FailedError(msg)
    if told(there, "%T %P") != told(commit, "%T %P"):  # else its checks would run again
        push(here.url, f"+{commit}:refs/heads/{head}")
    body = f"Merging this releases {plan.version}.\n\n{plan.entry}\n"
    tell(f"proposed {plan.version}: {host.propose(head, here.branch, title, body)}")


def proposal(branch: str) -> str:
    """Return the name of the branch with a release that is proposed for another."""
    return f"release-{branch}"


def titles(commits: str) -> list[str]:
    """Return those of some commits; none where git does not know them."""
    with suppress(FailedError):
        return read("git", *NO_SIGNATURES, "log", "--format=%s", commits, "--").splitlines()
    return []


def told(commit: str, form: str) -> str:
    """Return what git tells of a commit in a form of its own; `NONE` where there is none."""
    with suppress(FailedError):
        return read("git", "show", "--no-patch", "--no-show-signature", f"--format={form}", commit)
    return NONE


def output(tag: str, branch: str) -> None:
    """Tell the workflow what is to be published now: a release's tag, and the tip of a branch."""
    refs = [f"refs/tags/{tag}"] if tag else []
    refs += [f"refs/heads/{branch}"] if branch else []
    if target := os.environ.get("GITHUB_OUTPUT"):
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"tag={tag}\nrefs={' '.join(refs)}\n")


def main() -> None:
    """Tell or make the release; leave with status 1 and one sentence if that cannot be done."""
    parser = argparse.ArgumentParser(
        prog="nox -s release --",
        description="Tell the next release, or make it.",
        allow_abbrev=False,
    )
    parser.add_argument("--publish", action="store_true", help="make it so; else nothing changes")
    parser.add_argument("--version", default="", help="release this version, like 2.0.0")
    chosen = parser.parse_args()
    try:
        wanted = given(chosen.version) if chosen.version else None
        if chosen.publish:
            publish(wanted)
            return
        here = Here.find()
        plan = planned(here, wanted)
        print(report(here, plan), *(["", DRY] if plan else []), sep="\n")
    except FailedError as error:
        sys.exit(f"release: {error}")
    except KeyboardInterrupt:
        sys.exit("release: interrupted; run it again to complete it")


if __name__ == "__main__":
    main()
