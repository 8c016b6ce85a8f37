"""The revisions of the database's schema, and what each says of itself.

Two names at the top of a revision count here, both of which its author writes by hand:

    breaks = "releases before 1.4 read notes.text"
    accepted = {"require-concurrent-index-creation": "notes has a few hundred rows"}

`breaks` says why a release from before the revision fails after it, so that nobody rolls back
across it. `accepted` says, for a rule of squawk, why what the revision locks may be locked.
"""

import traceback
import warnings
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from pipeline.shell import FailedError

WHERE = "migrations/versions"


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision, as its file has it."""

    id: str
    below: str
    """The revision before it; `base` for the first."""
    path: Path
    breaks: str
    """Why a release from before it fails after it; empty where none does."""
    accepted: Mapping[str, str]
    """Rules of squawk, and why they need not be followed."""

    @property
    def data(self) -> Path:
        """The file with rows that are there once it is applied."""
        return Path("tests", "migrations", f"{self.path.stem}.sql")


def settings(**options: Any) -> Config:
    """Return what Alembic's commands need, which then print nothing of their own."""
    return Config(toml_file="pyproject.toml", cmd_opts=Namespace(quiet=True), **options)


def history() -> list[Revision]:
    """Return every revision, the first one first.

    Raises:
        FailedError: they are not one line, or one of them cannot be read.
    """
    try:
        with warnings.catch_warnings(action="error"):  # such as of two revisions with one id
            scripts = ScriptDirectory.from_config(settings())
            heads = [script.path for script in scripts.get_revisions("heads") if script]
            line = [*scripts.walk_revisions()][::-1]
    except Exception as error:  # whatever a file raises  # noqa: BLE001
        files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
        ours = [f"{WHERE}/{it.name}" for it in files if it.parent.name == "versions"]
        raise FailedError(f"{[WHERE, *ours][-1]} cannot be read: {error}") from None
    if len(heads) > 1:
        names = " and ".join(sorted(Path(path).name for path in heads))
        msg = f"{names} follow the same revision: let one's down_revision be the other"
        raise FailedError(msg)
    return [_revision(script) for script in line]


def breaking(below: str, above: str) -> dict[str, str]:
    """Return the revisions from one, exclusive, to a later one that break older releases, and why.

    Raises:
        FailedError: the migrations cannot be read, or the one is not before the other.
    """
    line = history()
    ids = ["base", *(revision.id for revision in line)]
    if not {below, above} <= set(ids) or ids.index(below) > ids.index(above):
        raise FailedError(f"{WHERE} has no way from the revision {below} up to {above}")
    crossed = line[ids.index(below) : ids.index(above)]
    return {revision.id: revision.breaks for revision in crossed if revision.breaks}


def _revision(script: Script) -> Revision:
    path = Path(script.path).relative_to(Path.cwd())
    breaks = getattr(script.module, "breaks", "")
    accepted = getattr(script.module, "accepted", {})
    if not isinstance(breaks, str) or (hasattr(script.module, "breaks") and not breaks.strip()):
        raise FailedError(f"{path}: breaks must be a sentence that says why")
    if not isinstance(accepted, dict) or not all(
        isinstance(reason, str) and reason.strip() for reason in accepted.values()
    ):
        raise FailedError(f"{path}: accepted must give each rule a sentence that says why")
    if not isinstance(script.down_revision, str | None):
        raise FailedError(f"{path}: down_revision must name one revision, not several")
    return Revision(script.revision, script.down_revision or "base", path, breaks, accepted)
