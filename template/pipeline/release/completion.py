"""Complete a release whose tag is pushed: its notes and files on the code host."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from commitizen.changelog import get_changelog_template
from github.GitRelease import GitRelease
from jinja2 import StrictUndefined, TemplateNotFound, TemplateSyntaxError
from packaging.requirements import Requirement
from packaging.version import Version

from pipeline.release import changelog
from pipeline.release.here import LOCK, MANIFEST, Here, text_at
from pipeline.release.history import LOG, Releases, changes, since
from pipeline.release.host import CodeHost
from pipeline.release.plan import TITLE, Plan
from pipeline.release.report import tell
from pipeline.shell import FailedError, read

NOTES = ".github/release-notes.md.j2"
IMAGE = Path("reports/image.json")
COMPOSE, REQUIREMENTS = "compose.yaml", "requirements.txt"
UNSET = "${IMAGE:-}"  # what stands in compose.yaml where an image could
BOT = "[bot]"


@dataclass(frozen=True)
class Tagged:
    """A release whose tag is there."""

    tag: str
    version: Version
    at: Here
    """What it is a release of."""

    @classmethod
    def newest(cls, here: Here) -> "Tagged | None":
        """Return the one that a commit is, else the newest behind it that is not made by hand."""
        releases = Releases.seen_from(here.commit)
        version = max(releases.here or releases.merged, default=None)
        if version is None:
            return None
        tag = releases.names[version]
        found = cls(tag, version, Here(read("git", "rev-parse", f"refs/tags/{tag}^{{commit}}"), ""))
        if found.at.version != version:
            return None
        title = read("git", "for-each-ref", "--format=%(contents:subject)", f"refs/tags/{tag}")
        return found if releases.here or title == found.title else None

    @property
    def title(self) -> str:
        """What the release is called, like the first line of its tag."""
        return f"{self.at.name} {self.version}"

    @property
    def previous(self) -> str:
        """The tag of the release that its changes are told since; empty for the first."""
        releases = self.at.releases
        letter = self.version.pre[0] if self.version.pre else ""
        before = replace(releases, merged=releases.merged - {self.version}).before(letter)
        return releases.names[before] if before else ""

    @property
    def is_latest(self) -> bool:
        """Whether it is the newest stable release of all."""
        known = [version for version in self.at.releases.names if not version.is_prerelease]
        return self.version == max(known, default=None)

    def image(self) -> dict[str, Any] | None:
        """Return what `nox -s publish` reported of its image; None without such a report.

        Raises:
            FailedError: the report is none.
        """
        if not IMAGE.exists():
            return None
        try:
            told: dict[str, Any] = json.loads(IMAGE.read_text(encoding="utf-8"))
            return told if str(self.version) in told["tags"] else None
        except (KeyError, TypeError, ValueError):
            msg = f"{IMAGE} is no report of an image: uv run nox -s publish writes one"
            raise FailedError(msg) from None

    def notes(self, image: dict[str, Any] | None) -> str:
        """Return its notes, out of the template that the project owns.

        Raises:
            FailedError: there is no such template, or Jinja cannot make anything of it.
        """
        entry = changelog.of(self.at.changelog, self.version)
        if not entry:  # tagged by hand
            entry = changelog.entry(changes(since(self.at.commit, self.previous)), self.at.url)
        return rendered(
            names(self.at, self.version, self.tag)
            | {
                "previous": self.previous,
                "entry": entry,
                "contributors": contributors(self.at.commit, self.previous),
                "image": image,
            }
        )

    def files(self, folder: Path, image: dict[str, Any] | None) -> Iterator[Path]:
        """Write what is attached to it into a folder, and yield the paths."""
        for name in (MANIFEST, LOCK):
            (folder / name).write_text(text_at(self.at.commit, name), encoding="utf-8")
        options = ("--frozen", "--no-default-groups", "--no-emit-project", "--no-header")
        if locked := read("uv", "export", "--quiet", *options, f"--project={folder}"):
            (folder / REQUIREMENTS).write_text(f"{locked}\n", encoding="utf-8")
            yield folder / REQUIREMENTS
        if image:
            digest = f"{image['name']}@{image['digest']}"
            if composed(self.at):
                started = text_at(self.at.commit, COMPOSE).replace(UNSET, f"${{IMAGE:-{digest}}}")
                (folder / COMPOSE).write_text(started, encoding="utf-8")
                yield folder / COMPOSE
            yield from sorted(IMAGE.parent.glob("sbom-*.json"))


def composed(here: Here) -> bool:
    """Tell whether a commit has a compose.yaml that can be made to start a certain image."""
    return UNSET in text_at(here.commit, COMPOSE)


def rendered(names: dict[str, Any]) -> str:
    """Return notes out of the project's template.

    Raises:
        FailedError: there is none, or Jinja cannot make anything of it.
    """
    try:
        template = get_changelog_template(changelog.TEMPLATES, NOTES)
        template.environment.undefined = StrictUndefined
        return template.render(names).strip() + "\n"
    except TemplateNotFound as error:
        msg = f"{error.name} is missing: write what the notes of a release are to tell"
    except TemplateSyntaxError as error:
        msg = f"{NOTES}:{error.lineno}: {error.message}"
    except Exception as error:  # noqa: BLE001  # a template may do whatever an expression can
        msg = f"{NOTES}: {error}"
    raise FailedError(msg) from None


def try_notes(here: Here, plan: Plan) -> None:
    """Prove, before anything is pushed, that notes can be made of a plan.

    Raises:
        FailedError: they cannot.
    """
    digest = f"sha256:{'0' * 64}"
    platforms = here.manifest.get("tool", {}).get("image", {}).get("platforms", [])
    image = {
        "name": here.image,
        "digest": digest,
        "tags": [str(plan.version)],
        "platforms": {each: {"digest": digest, "bytes": 0} for each in platforms},
    }
    people = contributors(here.commit, plan.previous)
    for each in (None, image) if here.image else (None,):
        rendered(
            names(here, plan.version, plan.tag)
            | {"previous": plan.previous, "entry": plan.entry}
            | {"contributors": people, "image": each}
        )


def names(here: Here, version: Version, tag: str) -> dict[str, Any]:
    """Return what every template for notes may use of a release."""
    needed = here.manifest["project"].get("dependencies", [])
    return {
        "project": here.name,
        "compose": composed(here),
        "dependencies": [Requirement(each).name for each in needed],
        "version": str(version),
        "tag": tag,
        "url": here.url,
    }


def contributors(commit: str, previous: str) -> list[str]:
    """Return who wrote what is in a commit and not in a release before, as names in Markdown."""
    form = "--format=%s%x00%aN%n%(trailers:key=Co-authored-by,valueonly)%x00"
    which = (commit, *(["--not", f"refs/tags/{previous}"] if previous else []), "--")
    told = read(*LOG[:-1], form, *which).split("\0")
    names = set()
    for title, people in zip(told[::2], told[1::2], strict=False):
        if not title.strip().startswith(TITLE):
            names |= {line.partition(" <")[0].strip() for line in people.splitlines()}
    known = sorted(name for name in names if name and BOT not in name)
    return [re.sub(r"[\\`*_<>\[\]|~]", r"\\\g<0>", name) for name in known]


def complete(here: Here, host: CodeHost) -> str:
    """Complete the newest release behind a commit, as far as that can be done now.

    Returns:
        Its tag, if its image is yet to be published from this commit, or if it has just been
        shown; else nothing.

    Raises:
        FailedError: the code host refuses, or a file cannot be made; a second run goes on there.
    """
    it = Tagged.newest(here)
    if it is None:
        return ""
    there = host.release(it.tag)
    if there and not there.draft:
        tell(f"{it.tag} is released: {there.html_url}")
        return ""
    at_hand = it.at.commit == here.commit
    image = it.image()
    whole = image is not None or not it.at.image
    if whole or not there:
        there = host.draft(there, it.tag, it.version, it.title, it.notes(image))
    if whole:
        shown(it, host, there, image)
        return it.tag if at_hand else ""
    then = "nox -s publish, then nox -s release -- --publish once more"
    where = "here" if at_hand else f"there, after git checkout {it.tag}"
    tell(f"{it.tag} is tagged, and a draft on the code host until its image is published {where}:")
    tell(f"  uv run {then}. The pipeline does both.")
    return it.tag if at_hand else ""


def shown(it: Tagged, host: CodeHost, draft: GitRelease, image: dict[str, Any] | None) -> None:
    """Show a release to everybody, with its files."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        files = list(it.files(Path(folder), image))
        where = host.publish(draft, it.at.commit, files, newest=it.is_latest)
        tell(f"released {it.tag}: {where}")
