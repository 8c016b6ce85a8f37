"""The template: its versions, what it says of them, and what it makes of answers."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from copier import run_copy
from copier.errors import CopierError
from jinja2 import TemplateError
from packaging.version import Version

from pipeline.shell import FailedError, read
from pipeline.tags import released


@dataclass(frozen=True)
class Source:
    """A clone of the template's repository."""

    clone: Path
    url: str

    @classmethod
    @contextlib.contextmanager
    def cloned(cls, url: str) -> Iterator["Source"]:
        """Give one, and take it away.

        Raises:
            FailedError: it cannot be reached.
        """
        with tempfile.TemporaryDirectory(prefix="template-") as name:
            clone = Path(name, "clone")
            try:
                quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
                read("git", "clone", "--quiet", "--no-checkout", "--", url, str(clone), env=quiet)
            except FailedError as error:
                msg = f"the template cannot be reached at {url}: {error}"
                raise FailedError(msg) from None
            yield cls(clone, url)

    def git(self, *arguments: str) -> str:
        """Return what git says in the clone."""
        return read("git", "-C", str(self.clone), *arguments)

    @property
    def releases(self) -> dict[Version, str]:
        """Its stable releases and their tags."""
        found = released(self.git("tag", "--list").splitlines())
        return {version: tag for version, tag in found.items() if not version.is_prerelease}

    def newest(self) -> str:
        """Return the tag of the newest release.

        Raises:
            FailedError: there is none.
        """
        releases = self.releases
        if not releases:
            msg = f"the template at {self.url} has no release: give a branch or commit as --to"
            raise FailedError(msg)
        return releases[max(releases)]

    def commit(self, name: str) -> str:
        """Return the commit of a version, tag, branch, or of what `git describe` says.

        Raises:
            FailedError: it has none of that name.
        """
        named = (f"refs/tags/{name}", f"refs/tags/v{name}", f"refs/remotes/origin/{name}", name)
        verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        for each in named:
            with contextlib.suppress(FailedError):
                return self.git(*verify, f"{each}^{{commit}}")
        known = ", ".join(str(version) for version in sorted(self.releases, reverse=True)[:5])
        msg = f"the template has no version {name}: it has {known or 'no release'}"
        raise FailedError(msg)

    def contains(self, commit: str, other: str) -> bool:
        """Tell whether a commit has another one in its history, or is that one."""
        try:
            self.git("merge-base", "--is-ancestor", other, commit)
        except FailedError:
            return False
        return True

    def text(self, commit: str, path: str) -> str:
        """Return the content of a file; empty where there is none."""
        with contextlib.suppress(FailedError):
            return self.git("cat-file", "blob", f"{commit}:{path}") + "\n"
        return ""

    def questions(self, commit: str) -> dict[str, Any]:
        """Return copier.yml: the questions, and the settings, whose names begin with `_`."""
        return dict(yaml.safe_load(self.text(commit, "copier.yml")) or {})

    def render(
        self, commit: str, answers: Mapping[str, Any], exclude: Sequence[str], folder: Path
    ) -> None:
        """Write what a commit of it makes of answers into a new folder.

        Args:
            commit: of the template.
            answers: those that it does not know are passed over; for the others it has defaults.
            exclude: patterns of what is left out, beside its own.
            folder: where to.

        Raises:
            FailedError: an answer is wrong, or it wants to be trusted.
        """
        update = [re.sub(r"\b_copier_operation\b", "'update'", each) for each in exclude]
        try:
            run_copy(
                str(self.clone),
                folder,
                dict(answers),
                vcs_ref=commit,
                defaults=True,
                exclude=update,
                quiet=True,
            )
        except (CopierError, TemplateError, ValueError) as error:
            raise FailedError(" ".join(str(error).split())) from None
