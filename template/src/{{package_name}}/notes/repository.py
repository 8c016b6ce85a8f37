"""What the service asks of a place that keeps notes."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from .model import Draft, Note, Page


class NoteRepository(Protocol):
    """Notes, kept. Each method is atomic, and may raise `StoreUnavailableError`.

    Those that take `note_id` raise `NoteNotFoundError`. Those that take `expected`, the version the
    caller has seen or None for any, raise `NoteChangedError` where it is not the note's.
    """

    async def add(self, note: Note) -> None:
        """Keep a new note, or raise `StoreFullError` where there is a limit and it is reached."""

    async def get(self, note_id: UUID) -> Note:
        """Return the note."""

    async def page(self, after: UUID, limit: int) -> Page:
        """Return up to `limit` notes whose ids come after `after`, which is `START` at first.

        A walk over pages meets every note that is there all the while exactly once, whatever is
        added or deleted meanwhile, be it `after` itself.
        """

    async def replace(
        self, note_id: UUID, draft: Draft, now: datetime, expected: int | None
    ) -> Note:
        """Keep the next version of the note, and return it."""

    async def delete(self, note_id: UUID, expected: int | None) -> None:
        """Forget the note."""
