"""The changelog: an entry for each release, out of its commits and what people wrote by hand."""

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from commitizen.changelog import generate_ordered_changelog_tree, render_changelog
from jinja2 import FileSystemLoader
from markdown_it import MarkdownIt
from packaging.version import Version

from pipeline.release.history import Change
from pipeline.tags import released as versions

GROUPS = {"feat": "Features", "fix": "Fixes", "perf": "Performance", "revert": "Reverts"}
BREAKING = "Breaking changes"
MADE = "<!-- out of the commits -->"
TITLE = re.compile(r" {0,3}##[ \t]+\[?v?(?P<name>[^\s\]]+)")
TEMPLATES = FileSystemLoader(Path(__file__).parent)


def entry(changes: Iterable[Change], url: str) -> str:
    """Return the changes as Markdown: grouped by kind, what breaks first, the oldest first.

    Args:
        changes: the newest first.
        url: of the repository, where its commits are to be read.
    """
    groups: dict[str, list[dict[str, str]]] = {}
    for it in reversed(list(changes)):
        group = BREAKING if it.breaking else GROUPS[it.kind]
        text = it.breaking or it.text
        if it.breaking and it.breaking != it.text:
            text = f"{it.text}: {it.breaking}"
        told = {"commit": it.commit, "scope": plain(it.scope), "text": plain(text)}
        groups.setdefault(group, []).append(told)
    order = [BREAKING, *GROUPS.values()]
    tree = generate_ordered_changelog_tree([{"changes": groups}], order)
    return render_changelog(tree, TEMPLATES, "entry.md.j2", url=url).strip()


def plain(text: str) -> str:
    """Return a text in which Markdown sees no HTML; a commit's author is not the page's."""
    parts = re.split(r"(`+[^`]+`+)", text)  # every second one is code, where it sees none
    return "".join(p if n % 2 else p.replace("<", "&lt;") for n, p in enumerate(parts))


def sections(changelog: str) -> list[str]:
    """Return what stands on top, and each section with its title."""
    lines = changelog.split("\n")
    blocks = MarkdownIt().disable("inline").parse(changelog)
    titles = [it.map[0] for it in blocks if it.markup == "##" and it.level == 0 and it.map]
    edges = pairwise([0, *titles, len(lines)])
    return ["\n".join(lines[begin:end]) for begin, end in edges]


def written(section: str) -> str:
    """Return what people wrote into a section of the changelog."""
    return section.partition("\n")[2].partition(MADE)[0].strip()


def name(section: str) -> str:
    """Return what a section is called: a version, `Unreleased`; empty for what stands on top."""
    found = TITLE.match(section)
    return found["name"].lower() if found else ""


def released(changelog: str, version: Version, date: str, made: str, gone: set[Version]) -> str:
    """Return a changelog with the entry of a release.

    What people wrote under "Unreleased" is taken into it, and into entries that go.

    Args:
        changelog: what there was.
        version: of the release.
        date: of the release, like 2026-11-21.
        made: what its commits tell, out of `entry`.
        gone: versions whose entries go: of its pre-releases, and what was prepared in vain.
    """
    top, *found = sections(changelog if changelog.strip() else "# Changelog\n")
    kept: list[str] = []
    texts: list[str] = []
    for section in found:
        if name(section) == "unreleased":
            top += "\n" + section.partition("\n")[0] + "\n"
        elif not {version, *gone} & versions([name(section)]).keys():
            kept.append(section)
            continue
        texts.append(written(section))
    texts = [text for text in texts if text]
    if not (made or texts):
        made = "Nothing that a user would notice."
    fresh = [f"## {version} ({date})", *texts, MADE, made]
    parts = (top, *fresh, "\n".join(kept))
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def of(changelog: str, version: Version) -> str:
    """Return the entry of a release, without its title; empty where there is none."""
    for section in sections(changelog):
        if version in versions([name(section)]):
            return section.partition("\n")[2].replace(f"{MADE}\n\n", "").strip()
    return ""


def commits(changelog: str, version: Version) -> set[str]:
    """Return the full hashes of those that the entry of a release tells."""
    for section in sections(changelog):
        if version in versions([name(section)]):
            return set(re.findall(r"/commit/([0-9a-f]{40,})", section.partition(MADE)[2]))
    return set()


def is_made(changelog: str, version: Version) -> bool:
    """Tell whether a release has an entry that was made here, and not by hand."""
    found = (each for each in sections(changelog) if version in versions([name(each)]))
    return MADE in next(found, "")
