"""What people read of an update."""

from pipeline.shell import read
from pipeline.template import notes
from pipeline.template.here import Here
from pipeline.template.update import Update

KINDS = {"A": "added", "D": "removed", "M": "updated", "T": "updated"}


def changes(here: Here, found: Update) -> dict[str, str]:
    """Return what became of each file: updated, added, removed or conflict."""
    compare = ("git", "diff-tree", "-r", "-z", "--no-renames", "--name-status")
    told = read(*compare, here.head, found.merged.tree).split("\0")
    files = {path: KINDS[kind] for kind, path in zip(told[::2], told[1::2], strict=False)}
    files |= dict.fromkeys(found.merged.conflicts, "conflict")
    return dict(sorted(files.items(), key=lambda it: (it[1] != "conflict", it[0])))


def rows(here: Here, found: Update) -> str:
    """Return what became of the files, as a Markdown table with the conflicts first."""
    lines = [f"| {path} | {kind} |" for path, kind in changes(here, found).items()]
    return "\n".join(["| file | |", "|---|---|", *lines]) if lines else "No file changes."


def table(here: Here, found: Update) -> str:
    """Return from where to where, and what became of the files."""
    return f"{found.before} → {found.after}\n\n{rows(here, found)}"


def ending(found: Update, left: list[str]) -> str:
    """Return what a person reads last: what the template says, and what is left to do."""
    lines = []
    if told := notes.to_do(found.news):
        lines += ["", "What the template says to projects:", "", told]
    lines += ["", *(f"To do: {each}." for each in left)]
    if not left:
        lines.append("Done. To see it: git diff. To undo it: git stash -u.")
    return "\n".join(lines)
