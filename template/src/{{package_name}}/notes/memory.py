"""Notes in this process's memory, gone with it."""

from bisect import bisect_left, bisect_right, insort
from datetime import datetime
from uuid import UUID

from .model import Draft, Note, NoteChangedError, NoteNotFoundError, Page, StoreFullError


class MemoryNotes:
    """A `NoteRepository` for up to `capacity` notes. Atomic, since no method waits in between."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._notes: dict[UUID, Note] = {}
        self._ids: list[UUID] = []  # sorted, so that a page is a slice

    async def add(self, note: Note) -> None:
        """Keep a new note, or raise `StoreFullError`."""
        if len(self._notes) >= self._capacity:
            raise StoreFullError(f"there are {self._capacity} notes, the most allowed: delete one")
        self._notes[note.id] = note
        insort(self._ids, note.id)

    async def get(self, note_id: UUID) -> Note:
        """Return the note."""
        return self._find(note_id, None)

    async def page(self, after: UUID, limit: int) -> Page:
        """Return up to `limit` notes whose ids come after `after`, which is `START` at first."""
        start = bisect_right(self._ids, after)
        ids = self._ids[start : start + limit]
        more = start + limit < len(self._ids)
        return Page(tuple(self._notes[i] for i in ids), ids[-1] if more else None)

    async def replace(
        self, note_id: UUID, draft: Draft, now: datetime, expected: int | None
    ) -> Note:
        """Keep the next version of the note, and return it."""
        note = self._find(note_id, expected).revise(draft, now)
        self._notes[note_id] = note
        return note

    async def delete(self, note_id: UUID, expected: int | None) -> None:
        """Forget the note."""
        self._find(note_id, expected)
        del self._notes[note_id]
        del self._ids[bisect_left(self._ids, note_id)]

    def _find(self, note_id: UUID, expected: int | None) -> Note:
        note = self._notes.get(note_id)
        if note is None:
            raise NoteNotFoundError(f"there is no note {note_id}")
        if expected not in (None, note.version):
            raise NoteChangedError(f"the note has version {note.version}, not {expected}")
        return note
