"""A store that is really there, and a connection to it that breaks after what was sent arrived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.targets import Document, Store
from pipeline.shell import FailedError


@dataclass
class Unsure:
    """`ops.targets.Store`, with what may go wrong on the way to it."""

    store: Store
    trouble: str = ""
    """What the next write ends with, once it is carried out."""
    away: Callable[[str], bool] = lambda _: False
    """Whether nothing arrives of a write of some text."""

    def read(self, name: str) -> Document | None:
        return self.store.read(name)

    def read_all(self, prefix: str) -> Mapping[str, Document]:
        return self.store.read_all(prefix)

    def write(self, name: str, text: str, revision: str | None) -> str:
        if self.away(text):
            msg = "the target is away"
            raise FailedError(msg)
        new = self.store.write(name, text, revision)
        if self.trouble:
            trouble, self.trouble = self.trouble, ""
            raise FailedError(trouble)
        return new

    def delete(self, name: str, revision: str) -> None:
        self.store.delete(name, revision)
