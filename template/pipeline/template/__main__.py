"""Update the project from the template that made it.

    python -m pipeline.template [--check] [--to VERSION] [--data NAME=VALUE ...] [--proposal FOLDER]

Ends with 0 when it is done, or there is nothing to do; with 1 when it is done and something is left
to mend, or, with --check, when there is a newer version; with 2 when nothing was touched.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pipeline.shell import FailedError
from pipeline.template import merge, proposal, report
from pipeline.template.here import Here
from pipeline.template.source import Source
from pipeline.template.update import Update, target, worked_out

# What a session sets for itself, and the sessions after the update must not inherit.
OF_SESSION = ("NOX_", "UV_NO_SYNC", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV")


def given(texts: list[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping.

    Raises:
        FailedError: one is written otherwise.
    """
    for text in texts:
        if not text.partition("=")[1]:
            msg = f"--data {text}: write it as NAME=VALUE"
            raise FailedError(msg)
    return dict(text.split("=", 1) for text in texts)


def check(here: Here, source: Source, wanted: str) -> int:
    """Tell whether there is a newer version."""
    goal = target(here, source, wanted)
    if not goal.is_new:
        print(f"Nothing new: the project is of {goal.name}.")
        return 0
    print(f"There is {goal.name}, and the project is of {here.version.removeprefix('v')}.")
    return 1


def update(here: Here, source: Source, wanted: str, data: dict[str, str]) -> int:
    """Update the project, run its fast sessions, and tell what changed."""
    goal = target(here, source, wanted)
    if not goal.is_new and not data:
        print(f"Nothing new: the project is of {goal.name}.")
        return 0
    found = worked_out(here, source, goal, data)
    merge.apply(here.head, found.merged)
    print(report.table(here, found), flush=True)
    return finish(found)


def propose(here: Here, source: Source, wanted: str, folder: Path) -> None:
    """Write what a pull request is made of into a folder; nothing where there is nothing new."""
    goal = target(here, source, wanted)
    if not goal.is_new:
        print(f"Nothing new: the project is of {goal.name}.")
        return
    found = worked_out(here, source, goal, {})
    proposal.write(here, found, folder)
    print(report.table(here, found))
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"version={goal.name}\n")


def finish(found: Update) -> int:
    """Run the fast sessions, where nothing is to be mended first, and say what is left to do."""
    left = list(found.left)
    if found.merged.conflicts:
        left.append("mend the conflicts, then: uv run nox")
    elif sessions():
        left.append("the sessions failed: their own words are above")
    print(report.ending(found, left))
    return 1 if left else 0


def sessions() -> int:
    """Run the fast sessions of the project as it is now; return their status."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(OF_SESSION)}
    command = ["uv", "run", "nox"]
    print(f"\n$ {' '.join(command)}", flush=True)
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> None:
    """Do what the arguments say; leave with one sentence if that cannot be done."""
    parser = argparse.ArgumentParser(
        prog="inv template-update",
        description="Update the project from the template that made it.",
        allow_abbrev=False,
    )
    parser.add_argument("--check", action="store_true", help="only tell whether there is a newer")
    parser.add_argument("--to", default="", help="a version of the template; default: the newest")
    parser.add_argument("--proposal", help="leave the project alone, and write a pull request here")
    parser.add_argument("--data", action="append", default=[], help="an answer, as NAME=VALUE")
    chosen = parser.parse_args()
    try:
        data = given(chosen.data)
        here = Here.find()
        with Source.cloned(here.url) as source:
            if chosen.check:
                sys.exit(check(here, source, chosen.to))
            if chosen.proposal:
                propose(here, source, chosen.to, Path(chosen.proposal))
            else:
                sys.exit(update(here, source, chosen.to, data))
    except FailedError as error:
        print(f"template-update: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("template-update: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
