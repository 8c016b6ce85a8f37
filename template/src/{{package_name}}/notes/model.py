"""What a note is."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

# No control characters: databases refuse NUL, terminals and logs obey others. Lines may break.
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

# Where a walk over all notes begins: before every id.
START = UUID(int=0)


Title = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
Text = Annotated[str, Field(max_length=10_000, pattern=LINES)]


class Draft(BaseModel):
    """What a person writes; everything else of a note is ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Title
    text: Text = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note. `version` counts from 1, and grows with every change; times are in UTC."""

    id: UUID
    title: str
    text: str
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def create(cls, draft: Draft, now: datetime) -> Self:
        """Return the first version of a note."""
        fields = draft.model_dump()
        return cls(id=new_id(now), version=1, created_at=now, updated_at=now, **fields)

    def revise(self, draft: Draft, now: datetime) -> Self:
        """Return the next version of this note."""
        return replace(self, version=self.version + 1, updated_at=now, **draft.model_dump())


@dataclass(frozen=True, slots=True)
class Page:
    """Some notes in the order of their ids, and where the next page begins, if there is one."""

    items: tuple[Note, ...]
    next_cursor: UUID | None


class NoteNotFoundError(LookupError):
    """There is no note with this id."""


class NoteChangedError(Exception):
    """The note has another version than the one that was expected."""


class StoreFullError(Exception):
    """No note can be added until one is deleted."""


class StoreUnavailableError(Exception):
    """Notes can neither be read nor changed just now, and it is nobody's fault who asks."""


class ChangeUnknownError(StoreUnavailableError):
    """Nobody knows whether a change was made, so whoever tries again may make it twice."""


def new_id(now: datetime) -> UUID:
    """Return an id that sorts by time (UUID version 7, RFC 9562; in the library from Python 3.14).

    So the id of the last note of a page is all that the next page needs to know.
    """
    milliseconds = int(now.timestamp() * 1000)
    return UUID(
        int=milliseconds << 80
        | 7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
