"""Prove every migration, or write the next; no server is needed.

    python -m pipeline.migrations [new "add tags"]

What is proved is printed. What is not leaves with status 1, and a sentence.
"""

import argparse
import logging
import sys
from pathlib import Path

from pipeline.migrations import new
from pipeline.migrations.proof import prove
from pipeline.migrations.revisions import WHERE, Revision, breaking, history
from pipeline.migrations.squawk import findings
from pipeline.postgres import server
from pipeline.shell import FailedError


def check() -> None:
    """Prove every migration, and say what is proved.

    Raises:
        FailedError: something is not as it should be; the message says what, where and what to do.
    """
    line = history()
    if not line:
        raise FailedError(f"{WHERE} holds no revision")
    strays = set(Path("tests/migrations").glob("*.sql")) - {revision.data for revision in line}
    if strays:
        raise FailedError(f"{min(strays)}: there is no revision of that name in {WHERE}")
    with server() as started:
        lost = prove(started, line)
    faults = [fault for revision in line for fault in unsaid(revision, lost[revision.id])]
    if faults:
        raise FailedError("\n".join(faults))
    print("whatever locks or breaks says why it may")
    for revision, reason in breaking("base", line[-1].id).items():
        print(f"no way back across {revision}: {reason}")
        for each in lost[revision]:
            print(f"  after up and down, {each}")


def unsaid(revision: Revision, lost: list[str]) -> list[str]:
    """Return what a revision should say of itself and does not, or says for nothing."""
    path, found = revision.path, findings(revision)
    breaks = [each for each in found if each.breaks]
    locks = [each for each in found if not each.breaks]
    faults = []
    if not revision.breaks:
        faults += [
            f"{path}: {each.statement}\n"
            f"  breaks the release before it ({each.rule}): {each.advice}\n"
            f'  Do without, or say in the file: breaks = "releases before 1.4 read …"'
            for each in breaks
        ]
        faults += [
            f"{path}: after up and down, {each}\n"
            f'  Let downgrade() put it back, or say in the file why not: breaks = "…"'
            for each in lost
        ]
    elif not breaks and not lost:
        faults.append(f"{path}: breaks says {revision.breaks!r}, but nothing does: delete it")
    faults += [
        f"{path}: {each.statement}\n"
        f"  locks out the service ({each.rule}): {each.advice}\n"
        f'  Do without, or say in the file why it may: accepted = {{"{each.rule}": "…"}}'
        for each in locks
        if each.rule not in revision.accepted
    ]
    stale = revision.accepted.keys() - {each.rule for each in locks}
    return faults + [
        f'{path}: accepted has "{rule}", but nothing of it is found: delete the entry'
        for rule in sorted(stale)
    ]


def main() -> None:
    """Check or write; leave with status 1 and a sentence if that cannot be done."""
    parser = argparse.ArgumentParser(
        prog="nox -s migrations --",
        description="Prove every migration, or write the next.",
        allow_abbrev=False,
    )
    write = parser.add_subparsers(dest="verb").add_parser("new", help="write the next revision")
    write.add_argument("message", help='what it does, like "add tags"')
    chosen = parser.parse_args()
    logging.disable(logging.INFO)  # what Alembic does is told here, in fewer words
    try:
        if chosen.verb != "new":
            check()
            return
        with server() as started:
            path = new.write(started, chosen.message)
        print(f"wrote {path}: read it, for nobody else has")
        print(f"rows to prove it with go into {Path('tests/migrations', path.stem)}.sql")
    except FailedError as error:
        sys.exit(f"migrations: {error}")


if __name__ == "__main__":
    main()
