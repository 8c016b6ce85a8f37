"""What people read of a release, before it is made and while it is."""

import os
import re
from pathlib import Path

from commitizen.version_increment import VersionIncrement

from pipeline.release.here import CHANGELOG, LOCK, MANIFEST, Here
from pipeline.release.plan import Plan
from pipeline.tags import Ref, tags

ASKS = {
    VersionIncrement.MAJOR: "breaks",
    VersionIncrement.MINOR: "minor ",
    VersionIncrement.PATCH: "patch ",
}
UNKNOWN = "0" * 40  # the hash of a commit that is yet to be made


def report(here: Here, plan: Plan | None) -> str:
    """Return what a person wants to know of a release before it is made."""
    if plan is None:
        newest = max(here.releases.merged, default=None)
        last = f" since {here.releases.names[newest]}" if newest else ""
        return f"Nothing to release: no commit{last} is a feat, a fix, a perf or breaks something."
    after = f"after {plan.previous}" if plan.previous else "the first"
    lines = [f"{here.name} {plan.version}, {after}", ""]
    if plan.prepared:
        lines += ["Everything is prepared in this commit; only its tag is missing.", ""]
    else:
        lines += [f"{CHANGELOG} gets", ""]
    lines += [f"  {line}".rstrip() for line in f"## {plan.version}\n\n{plan.entry}".splitlines()]
    lines += ["", f"git tag    {plan.tag}"]
    if here.image:
        everything = [*here.releases.names.values(), plan.tag]
        chosen = tags(Ref("release", str(plan.version), UNKNOWN), everything)
        told = ", ".join(tag for tag in chosen if not tag.startswith("sha-"))
        lines += [f"image      {here.image}: {told}"]
    if not plan.prepared:
        lines += [f"files      {CHANGELOG}; {MANIFEST}, {LOCK}: {here.version} → {plan.version}"]
        lines += ["", "because of"] if plan.changes else []
        for it in plan.changes:
            lines.append(f"  {it.commit[:7]}  {ASKS[it.increment]}  {it.title}")
    return "\n".join(lines)


def tell(text: str) -> None:
    """Print a text, and show it in the job's summary where there is one."""
    # What a commit says must not be a command to the runner.
    text = re.sub(r"(?m)##(?=\[)|^\s*:(?=:)", r"\g<0> ", text)
    fence = max(re.findall("`{3,}", text), key=len, default="``") + "`"
    print(text, flush=True)
    if target := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(f"{fence}text\n{text}\n{fence}\n")
