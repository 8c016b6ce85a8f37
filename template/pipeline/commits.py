"""Check what a branch would land: the message of each commit, and a pull request's title.

They decide the next version and fill the changelog, so the rules are those of the commit hook. The
title counts because a squash merge makes it the message.

    python -m pipeline.commits [RANGE]
"""

import argparse
import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from commitizen.config import read_cfg
from commitizen.exceptions import CommitMessageLengthExceededError
from commitizen.factory import committer_factory

from pipeline.image import project
from pipeline.release.version import CHANNELS, Channel
from pipeline.shell import FailedError, read

LOG = ("git", "-c", "log.showSignature=false", "log", "--encoding=UTF-8", "-z", "--format=%h%n%B")
KINDS = "feat, fix, perf, docs, refactor, test, build, ci, style, chore or revert"


def selection() -> list[str]:
    """Return what git calls the commits that the base branch has not.

    What a branch that releases has on the remote is landed, and past mending. Without a remote,
    these are the commits since the last release.

    Raises:
        FailedError: the pipeline names a base branch that the clone does not know.
    """
    if read("git", "rev-parse", "--is-shallow-repository") == "true":
        msg = "the history is cut off, and commits with it: git fetch --unshallow"
        raise FailedError(msg)
    pushed = os.environ.get("GITHUB_REF", "").partition("refs/heads/")[2]
    queued = str(event("merge_group").get("base_ref", "")).removeprefix("refs/heads/")
    named = os.environ.get("GITHUB_BASE_REF") or queued or (pushed if releases(pushed) else "")
    for base in [named] if named else ["HEAD", "main"]:
        ref = f"refs/remotes/origin/{base}"
        if read("git", "for-each-ref", ref):
            return ["HEAD", "--not", ref]
    if named:
        msg = f"this clone does not know the base branch: git fetch origin {named}"
        raise FailedError(msg)
    return ["HEAD", "--not", "--tags"]


def releases(branch: str) -> bool:
    """Tell whether releases come from a branch."""
    with suppress(FailedError):
        channels = project().get("tool", {}).get("release", {}).get("channels", CHANNELS)
        return bool(Channel.of(branch, channels))
    return False


def event(of: str) -> dict[str, Any]:
    """Return what the pipeline tells of the pull request or merge group that it runs for."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    told = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return dict(told.get(of) or {})


def is_conventional(message: str) -> bool:
    """Tell whether the commit hook would take a message."""
    config = read_cfg()
    rules = committer_factory(config)
    try:
        return rules.validate_commit_message(
            commit_msg=message.strip(),
            pattern=re.compile(rules.schema_pattern()),
            allow_abort=False,
            allowed_prefixes=config.settings["allowed_prefixes"],
            max_msg_length=config.settings["message_length_limit"],
            commit_hash="",
        ).is_valid
    except CommitMessageLengthExceededError:
        return False


def main() -> None:
    """Check them; leave with status 1 where one is not conventional, and name each."""
    parser = argparse.ArgumentParser(
        prog="nox -s commits --",
        description="Check the messages of commits, and the title of a pull request.",
        allow_abbrev=False,
    )
    parser.add_argument("range", nargs="*", help="like v1.2.0..HEAD; else what is to be landed")
    try:
        chosen = parser.parse_args().range or selection()
        records = [record for record in read(*LOG, *chosen, "--").split("\0") if record]
    except FailedError as error:
        sys.exit(f"commits: {error}")
    messages = dict(record.partition("\n")[::2] for record in records)
    wrong = [
        f"{commit}: {next(iter(message.splitlines()), '')!r}"
        for commit, message in messages.items()
        if not is_conventional(message)
    ]
    if (named := str(event("pull_request").get("title", ""))) and not is_conventional(named):
        wrong.append(f"the pull request's title: {named!r} (edit it, close and reopen)")
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(
            f"commits: {len(wrong)} not conventional, so a release may pass them over. Write them"
            f' like "fix: what is better now" ({KINDS}): git rebase --interactive, then `reword`'
        )
    print(f"{len(messages)} commits, all conventional")


if __name__ == "__main__":
    main()
