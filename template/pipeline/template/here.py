"""A project that is to be updated: where it is, what it was made from, and by which answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.shell import FailedError, read

ANSWERS = ".copier-answers.yml"
HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}  # as Copier shortens them


@dataclass(frozen=True)
class Here:
    """A project that is committed, whole."""

    head: str
    """Its commit."""
    folder: str
    """Where it is in its repository: empty for the top, or like `services/notes/`."""
    source: str
    """Where its template is, as its answers say."""
    version: str
    """The template's version that it was made from, as its answers say."""
    answers: Mapping[str, Any]

    @classmethod
    def find(cls) -> "Here":
        """Return the project of this folder.

        Raises:
            FailedError: there is none, or it cannot be updated as it is.
        """
        if not Path(ANSWERS).is_file():
            msg = f"{ANSWERS} is not here: run it in the folder of a project, as it was made"
            raise FailedError(msg)
        try:
            folder = read("git", "rev-parse", "--show-prefix")
            head = read("git", "rev-parse", "--verify", "HEAD")
        except FailedError as error:
            if not re.search("not a git repository|single revision", error.said):
                raise
            msg = "there is no commit to go back to: git init, and commit"
            raise FailedError(msg) from None
        told = cls.told()
        for name in ("_commit", "_src_path"):
            if not told.get(name):
                msg = (
                    f"{ANSWERS} has no {name}, so nobody knows what the project was made from:"
                    " take the file back from git's history"
                )
                raise FailedError(msg)
        if read("git", "status", "--porcelain"):
            way = "commit them, or git stash --include-untracked"
            msg = f"there are changes that no commit holds: {way}"
            raise FailedError(msg)
        if not read("git", "ls-files", ANSWERS):
            msg = f"{ANSWERS} is not in git: add it, and commit"
            raise FailedError(msg)
        answers = {name: value for name, value in told.items() if not name.startswith("_")}
        return cls(head, folder, str(told["_src_path"]), str(told["_commit"]), answers)

    @staticmethod
    def told() -> dict[str, Any]:
        """Return what the answers file says.

        Raises:
            FailedError: it is no mapping in YAML.
        """
        try:
            document = yaml.safe_load(Path(ANSWERS).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            document = None
        if not isinstance(document, dict):
            msg = f"{ANSWERS} cannot be read: take it back from git's history"
            raise FailedError(msg)
        return document

    @property
    def url(self) -> str:
        """What git calls the place of its template."""
        host = HOSTS.get(self.source[:3])
        return f"{host}{self.source[3:]}.git" if host else self.source.removeprefix("git+")
