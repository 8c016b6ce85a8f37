"""An update as a pull request: made by one job, and opened by another.

The first runs what the template says, and holds no secret. The second holds a token, and runs
nothing of what the first has made.
"""

import json
from pathlib import Path

from pipeline.release.landing import identity
from pipeline.shell import read
from pipeline.template import notes, report
from pipeline.template.handover import ABOUT, BRANCH, BUNDLE, REF, TITLE
from pipeline.template.here import Here
from pipeline.template.update import Update


def write(here: Here, found: Update, folder: Path) -> None:
    """Write a bundle with the commit, and what the pull request says, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{TITLE}{found.after} of the template"
    tree, author = found.merged.tree, identity()
    commit = read("git", "commit-tree", tree, "-p", here.head, "-m", title, env=author)
    read("git", "update-ref", REF, commit)
    try:
        read("git", "bundle", "create", "--quiet", str(folder / BUNDLE), f"{here.head}..{REF}")
    finally:
        read("git", "update-ref", "-d", REF)
    about = {
        "commit": commit,
        "title": title,
        "body": body(here, found),
        "draft": bool(found.merged.conflicts),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")


def body(here: Here, found: Update) -> str:
    """Return what the pull request says, as Markdown."""
    parts = [f"From {found.before} to {found.after} of the template."]
    if found.merged.conflicts:
        listed = "\n".join(f"- `{path}`" for path in found.merged.conflicts)
        how = f"Both sides changed these. Mend them on the branch `{BRANCH}`, and mark it as ready:"
        parts += ["## Conflicts", f"{how}\n\n{listed}"]
    if found.left:
        parts += ["## To do", "\n".join(f"- {each}." for each in found.left)]
    if changelog := notes.whole(found.news):
        parts += ["## Changelog of the template", changelog]
    parts += ["## Files", report.rows(here, found)]
    return "\n\n".join(parts) + "\n"
