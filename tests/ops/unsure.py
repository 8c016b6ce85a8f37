"""A store that is really there, and a connection to it that breaks after what was sent arrived."""

from collections.abc import Mapping
from dataclasses import dataclass

from ops.targets import Document, Store
from pipeline.shell import FailedError


@dataclass
class Unsure:
    """`ops.targets.Store`; the next write is carried out and not confirmed, if so wanted."""

    store: Store
    trouble: str = ""
    """What the next write ends with, once it is carried out."""

    def read(self, name: str) -> Document | None:
        return self.store.read(name)

    def read_all(self, prefix: str) -> Mapping[str, Document]:
        return self.store.read_all(prefix)

    def write(self, name: str, text: str, revision: str | None) -> str:
        new = self.store.write(name, text, revision)
        if self.trouble:
            trouble, self.trouble = self.trouble, ""
            raise FailedError(trouble)
        return new

    def delete(self, name: str, revision: str) -> None:
        self.store.delete(name, revision)
