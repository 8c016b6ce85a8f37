"""What a place that releases are deployed to has to be able to do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ops.model import Instance, Progress, Release, Rollout
from pipeline.shell import FailedError

SLOTS = ("blue", "green")
"""Where instances are: a release in one of them serves, and another is tried in the other."""


class ConflictError(FailedError):
    """A document is not what it was thought to be."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was written by somebody else")


@dataclass(frozen=True)
class Document:
    """A text that is kept with the target."""

    text: str
    revision: str
    """Changes whenever the text does."""


class Store(Protocol):
    """Documents that are kept with the target: the ledger, and the lock.

    A name is of lower-case letters, digits and dashes. All of it raises `FailedError` where the
    target cannot be reached, refuses, or is full.
    """

    def read(self, name: str) -> Document | None:
        """Return a document; none if there is none."""

    def read_all(self, prefix: str) -> Mapping[str, Document]:
        """Return the documents whose names begin so, by name, in the order of their names."""

    def write(self, name: str, text: str, revision: str | None) -> str:
        """Write a document in place of that revision, none for a new one; return its revision.

        Raises:
            ConflictError: it is of another revision by now, or it is there already.
        """

    def delete(self, name: str, revision: str) -> None:
        """Delete a document of that revision.

        Raises:
            ConflictError: it is of another revision by now, or gone.
        """


class Kept:
    """A document that is written again and again, by nobody else.

    A write that was carried out and not confirmed looks like somebody else's; it is known by its
    text.
    """

    def __init__(self, store: Store, name: str, revision: str | None = None) -> None:
        self._store, self._name, self._revision = store, name, revision
        self._unsure: set[str] = set()
        """What may have been written since it was last known what is there."""

    def write(self, text: str) -> None:
        """Write it, in place of what was written last.

        Raises:
            ConflictError: it is somebody else's.
        """
        self._unsure.add(text)
        try:
            self._revision = self._store.write(self._name, text, self._revision)
        except ConflictError:
            there = self._store.read(self._name)
            if there is None or there.text not in self._unsure:
                raise
            self._revision = self._store.write(self._name, text, there.revision)
        self._unsure.clear()

    def delete(self) -> None:
        """Delete what was written last.

        Raises:
            ConflictError: it is somebody else's, or gone.
        """
        self._store.delete(self._name, self._revision or "")


class Target(Protocol):
    """A controller that brings a release to traffic, in stops, and back.

    It keeps nothing in memory: each call finds out what there is, so that another process can go on
    or undo, whatever the one before was killed in. Each call may be made again. Everything raises
    `FailedError`, with what the target said, if it cannot be done.
    """

    @property
    def store(self) -> Store:
        """Where the ledger and the lock are."""

    def answers(self) -> None:
        """Find out that it is there at all, or tell which key of environments.toml is wrong."""

    def check(self) -> None:
        """Find out that it answers, and lets this person do what a deployment does."""

    def render(self, image: str) -> str:
        """Return the manifest of an image, named by its digest, out of the files in deploy/.

        What the target would not take is refused here.
        """

    def difference(self, release: Release) -> str:
        """Return how what would be applied differs from what is there, as `diff -u` does."""

    def begin(self, rollout: Rollout) -> None:
        """Start the release, in place or beside the previous one, towards its first stop."""

    def observe(self, rollout: Rollout) -> Progress:
        """Return how far it is; a target without a controller of its own moves it on here."""

    def promote(self, rollout: Rollout) -> None:
        """Move it on towards the stop that the rollout is at now."""

    def finish(self, rollout: Rollout) -> None:
        """Let the previous release go; it has all of the traffic, and is to keep it."""

    def abort(self, rollout: Rollout) -> None:
        """Give all of the traffic back to the previous release; without one, take all away."""

    def complaint(self, rollout: Rollout) -> str:
        """Return why the new release is not ready yet, in somebody's own words; empty: none."""

    def restored(self, rollout: Rollout) -> Progress:
        """Return how far the previous release is with serving all of the traffic again."""

    def instances(self) -> Sequence[Instance]:
        """Return every copy of the service that runs, or should."""

    def reach(self, rollout: Rollout | None = None) -> AbstractContextManager[str]:
        """Return a URL of the service while the context lasts.

        Without a rollout it is the way of its users; with one, straight to the new release.
        """

    def logs(self, lines: int, *, follow: bool) -> Iterator[str]:
        """Yield what the instances said, each line with the instance's name before it."""

    def run_once(self, image: str, command: Sequence[str]) -> None:
        """Run a command in a container of its own, with the service's settings, to its end."""
