"""Notes in PostgreSQL."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Delete,
    Row,
    Table,
    Text,
    Update,
    Uuid,
    delete,
    insert,
    select,
    update,
)

from ..database import Database, metadata
from .model import Draft, Note, NoteChangedError, NoteNotFoundError, Page

table = Table(
    "notes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
)


class PostgresNotes:
    """A `NoteRepository` of the table `notes`, which migrations make."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self) -> None:
        """Raise where notes cannot be read, be it that a migration is missing."""
        await self._database.probe(select(table).limit(1))

    async def add(self, note: Note) -> None:
        """Keep a new note."""
        values = {name: getattr(note, name) for name in table.c.keys()}  # noqa: SIM118
        await self._database.write(insert(table).values(values))

    async def get(self, note_id: UUID) -> Note:
        """Return the note."""
        rows = await self._database.read(select(table).where(table.c.id == note_id))
        if not rows:
            raise NoteNotFoundError(f"there is no note {note_id}")
        return _note(rows[0])

    async def page(self, after: UUID, limit: int) -> Page:
        """Return up to `limit` notes whose ids come after `after`, which is `START` at first."""
        follow = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit + 1)
        items = tuple(_note(row) for row in await self._database.read(follow))
        return Page(items[:limit], items[limit - 1].id if len(items) > limit else None)

    async def replace(
        self, note_id: UUID, draft: Draft, now: datetime, expected: int | None
    ) -> Note:
        """Keep the next version of the note, and return it."""
        revised = {**draft.model_dump(), "updated_at": now, "version": table.c.version + 1}
        change = update(table).values(revised)
        return await self._change(change, note_id, expected)

    async def delete(self, note_id: UUID, expected: int | None) -> None:
        """Forget the note."""
        await self._change(delete(table), note_id, expected)

    async def _change(self, change: Update | Delete, note_id: UUID, expected: int | None) -> Note:
        # One statement both compares and changes, so that nobody comes between.
        change = change.where(table.c.id == note_id)
        if expected is not None:
            change = change.where(table.c.version == expected)
        rows = await self._database.write(change.returning(table))
        if rows:
            return _note(rows[0])
        note = await self.get(note_id)
        raise NoteChangedError(f"the note has version {note.version}, not {expected}")


def _note(row: Row[Any]) -> Note:
    return Note(row.id, row.title, row.text, row.version, row.created_at, row.updated_at)
