"""What was deployed, by whom, when, from where, with what outcome; it is kept with the target."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from ops.model import Release, Rollout, Strategy
from ops.rollout import ENDED, Phase, State
from ops.targets import Document, Kept, Store
from pipeline.shell import FailedError

RELEASES = 20
"""How many releases can be rolled back to."""


@dataclass(frozen=True)
class Entry:
    """One deployment or rollback."""

    number: int
    """From 1."""
    action: Literal["deploy", "rollback"]
    release: int
    """The release that was to serve: the number of the entry that first deployed it."""
    version: str
    image: str
    """With its digest; empty until it is known."""
    commit: str
    """What the image was built from; empty where nobody can tell."""
    committed: datetime | None
    who: str
    origin: str
    began: datetime
    ended: datetime | None
    strategy: Strategy
    state: State
    previous: int | None
    """The release that served until then."""

    @property
    def phase(self) -> Phase:
        """Where it is, or how it ended."""
        return self.state.phase

    @property
    def reason(self) -> str:
        """What went wrong, where something did."""
        return self.state.reason

    @property
    def share(self) -> int:
        """Per cent of the traffic that the release has, or is on its way to."""
        return self.strategy.shares[self.state.stop]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self.phase in ENDED - {Phase.STUCK}

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it goes on."""
        return (self.ended - self.began).total_seconds() if self.ended else 0.0


ENTRY = TypeAdapter(Entry)
ENTRIES = TypeAdapter(list[Entry])
RELEASE = TypeAdapter(Release)


class Ledger:
    """The entries of an environment, and the manifests of its releases.

    All of it raises `FailedError` where the target cannot be reached, or is full.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[int, Kept] = {}

    def entries(self) -> list[Entry]:
        """Return all of them, the oldest first."""
        found = []
        for name, document in self._store.read_all("entry-").items():
            entry: Entry = _parsed(ENTRY, name, document)
            self._kept[entry.number] = Kept(self._store, name, document.revision)
            found.append(entry)
        return found

    def add(self, entry: Entry) -> None:
        """Write down an entry that is new."""
        self._kept[entry.number] = Kept(self._store, _name("entry", entry.number))
        self.update(entry)

    def update(self, entry: Entry) -> None:
        """Write down what has become of an entry."""
        self._kept[entry.number].write(ENTRY.dump_json(entry, indent=1).decode())

    def keep(self, release: Release, needed: int | None) -> None:
        """Keep a release for rollbacks; let the oldest go, but for the one that is needed.

        Those that never served go first, so that failures leave something to go back to.
        """
        text = RELEASE.dump_json(release, indent=1).decode()
        Kept(self._store, _name("release", release.number)).write(text)
        kept = dict(self._store.read_all("release-"))
        for number in {release.number, needed or 0}:
            kept.pop(_name("release", number), None)
        done = [entry.release for entry in self.entries() if entry.phase is Phase.DEPLOYED]
        served = {_name("release", number) for number in done}
        going = sorted(kept, key=lambda name: (name in served, name))
        for name in going[: max(0, len(going) + 1 - RELEASES)]:
            self._store.delete(name, kept[name].revision)

    def release(self, number: int) -> Release:
        """Return a release as it was recorded.

        Raises:
            FailedError: it is not kept any more.
        """
        name = _name("release", number)
        document = self._store.read(name)
        if document is None:
            msg = f"release {number} is not kept: the newest {RELEASES} are. Deploy it anew"
            raise FailedError(msg)
        release: Release = _parsed(RELEASE, name, document)
        return release

    def rollout(self, entry: Entry) -> Rollout:
        """Return what a target needs to go on with an entry."""
        previous = None if entry.previous is None else self.release(entry.previous)
        release = self.release(entry.release)
        return Rollout(release, previous, entry.strategy, entry.state.stop)


def _parsed(kind: TypeAdapter[Any], name: str, document: Document) -> Any:
    try:
        return kind.validate_json(document.text)
    except ValueError:
        msg = f"the ledger's {name} cannot be read: mend it, or delete it"
        raise FailedError(msg) from None


def _name(kind: str, number: int) -> str:
    return f"{kind}-{number:06d}"


def live(entries: Sequence[Entry]) -> Entry | None:
    """Return the entry that brought what serves; none before the first."""
    done = [entry for entry in entries if entry.phase is Phase.DEPLOYED]
    return done[-1] if done else None
