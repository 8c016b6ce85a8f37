"""Open the pull request that an update wrote, or renew it; it needs GITHUB_TOKEN.

python -m pipeline.template.propose FOLDER
"""

import json
import sys
from pathlib import Path

from pipeline.release.here import Here
from pipeline.release.host import CodeHost
from pipeline.release.landing import REMOTE, login, push
from pipeline.release.report import tell
from pipeline.shell import FailedError, read
from pipeline.template.handover import ABOUT, BRANCH, BUNDLE, REF, TITLE


def propose(folder: Path) -> None:
    """Push the commit in a folder to the branch of updates, and open its pull request, or renew it.

    Raises:
        FailedError: the folder has no update of this commit, or the remote or the code host refuses
            it; a second run does what is left.
    """
    here = Here.find()
    host = CodeHost.find(here.url)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        commit = about["commit"]
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head")
        read("git", "fetch", *quiet, str(folder / BUNDLE), f"+{REF}:{REF}")
    except (OSError, ValueError, KeyError, FailedError) as error:
        msg = f"{folder} holds no update: {error}"
        raise FailedError(msg) from None
    if read("git", "rev-parse", f"{REF}^{{commit}}", f"{REF}^") != f"{commit}\n{here.commit}":
        msg = f"{folder} holds the update of another commit: run the workflow again"
        raise FailedError(msg)
    there = tip(here.url)
    title = told(there, "%s") if there else ""
    if there and not title.startswith(TITLE):
        tell(f"{REMOTE} keeps what somebody has pushed to {BRANCH}: merge it, or delete it")
        return
    if told(there or commit, "%T %P") != told(commit, "%T %P") or not there:
        push(here.url, f"+{commit}:refs/heads/{BRANCH}")
    found = host.propose(BRANCH, here.branch, about["title"], about["body"], draft=about["draft"])
    tell(f"proposed: {found}")


def tip(url: str) -> str:
    """Return the commit of the branch of updates on the remote; empty where there is none."""
    ref = f"refs/heads/{BRANCH}"
    if not read("git", "ls-remote", REMOTE, ref, env=login(url)):
        return ""
    there = f"refs/remotes/{REMOTE}/{BRANCH}"
    read("git", "fetch", "--quiet", "--no-tags", REMOTE, f"+{ref}:{there}", env=login(url))
    return read("git", "rev-parse", there)


def told(commit: str, form: str) -> str:
    """Return what git tells of a commit in a form of its own."""
    return read("git", "show", "--no-patch", "--no-show-signature", f"--format={form}", commit)


def main() -> None:
    """Open or renew it; leave with status 1 and one sentence if that cannot be done."""
    if len(sys.argv) != 2:  # noqa: PLR2004  # its name, and the folder
        sys.exit("usage: nox -s template-propose -- FOLDER")
    try:
        propose(Path(sys.argv[1]))
    except FailedError as error:
        sys.exit(f"template-propose: {error}")


if __name__ == "__main__":
    main()
