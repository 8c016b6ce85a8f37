"""Notes for a language model: tools that change them, resources to read, and a prompt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.tools import Tool
from mcp.types import EmbeddedResource, TextResourceContents
from pydantic import Field, TypeAdapter

from ..notes import START, Draft, Note, NoteRepository, Text, Title
from .server import typed_tool

JSON = "application/json"
MAX_PAGE = 100
MAX_VERSION = 2**53 - 1  # what every client can say exactly

NoteId = Annotated[UUID, Field(description="The note's id.")]
SeenVersion = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_VERSION,
        description="The version that you have read. Has it changed, nothing is done.",
    ),
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A note in a list, without its text: a page of texts would fill a model's context."""

    id: UUID
    title: str
    version: int


@dataclass(frozen=True, slots=True)
class Entries:
    """Some notes, oldest first. `next_cursor` asks for those after them; null: there are none."""

    items: tuple[Entry, ...]
    next_cursor: UUID | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The id of the note that is gone."""

    id: UUID


class NoteTools:
    """The tools, each a method; its signature is what a client is told of it."""

    def __init__(self, notes: NoteRepository) -> None:
        self._notes = notes

    async def create_note(self, title: Title, text: Text = "") -> Note:
        """Keep a new note."""
        note = Note.create(Draft(title=title, text=text), datetime.now(UTC))
        await self._notes.add(note)
        return note

    async def get_note(self, note_id: NoteId) -> Note:
        """Read a note: its title, text, version and times."""
        return await self._notes.get(note_id)

    async def list_notes(
        self,
        limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many at most.")] = 20,
        cursor: Annotated[
            UUID, Field(description="`next_cursor` of the page before; none for the first.")
        ] = START,
    ) -> Entries:
        """List notes by id, title and version, oldest first. Read a text with get_note."""
        page = await self._notes.page(cursor, limit)
        entries = tuple(Entry(note.id, note.title, note.version) for note in page.items)
        return Entries(entries, page.next_cursor)

    async def replace_note(
        self, note_id: NoteId, expected_version: SeenVersion, title: Title, text: Text = ""
    ) -> Note:
        """Replace the title and the text of a note by others."""
        draft = Draft(title=title, text=text)
        return await self._notes.replace(note_id, draft, datetime.now(UTC), expected_version)

    async def delete_note(self, note_id: NoteId, expected_version: SeenVersion) -> Deleted:
        """Delete a note for good."""
        await self._notes.delete(note_id, expected_version)
        return Deleted(note_id)


READS: Mapping[str, bool] = {
    "read_only_hint": True,
    "destructive_hint": False,
    "idempotent_hint": True,
}
ADDS: Mapping[str, bool] = {
    "read_only_hint": False,
    "destructive_hint": False,
    "idempotent_hint": False,
}
OVERWRITES: Mapping[str, bool] = {
    "read_only_hint": False,
    "destructive_hint": True,
    "idempotent_hint": True,
}


def tools(notes: NoteRepository) -> list[Tool]:
    """Return the tools that work on notes."""
    its = NoteTools(notes)
    return [
        typed_tool(its.create_note, "Create a note", **ADDS),
        typed_tool(its.get_note, "Read a note", **READS),
        typed_tool(its.list_notes, "List notes", **READS),
        typed_tool(its.replace_note, "Replace a note", **OVERWRITES),
        typed_tool(its.delete_note, "Delete a note", **OVERWRITES),
    ]


def add_resources(server: MCPServer[Any], notes: NoteRepository) -> None:
    """Add to a server what a person may put into a conversation: notes, and a prompt on one."""

    @server.resource("notes://index", title="Notes", mime_type=JSON)
    async def index() -> str:
        """The first notes by id, title and version; list_notes has the rest."""
        return as_json(await NoteTools(notes).list_notes(MAX_PAGE))

    @server.resource("notes://{note_id}", title="A note", mime_type=JSON)
    async def note(note_id: UUID) -> str:
        """A note: its title, text, version and times."""
        return as_json(await notes.get(note_id))

    @server.prompt(title="Summarize a note")
    async def summarize_note(note_id: NoteId) -> list[UserMessage]:
        """Ask for the gist of a note."""
        text = as_json(await notes.get(note_id))
        contents = TextResourceContents(uri=f"notes://{note_id}", mime_type=JSON, text=text)
        return [
            UserMessage(EmbeddedResource(type="resource", resource=contents)),
            UserMessage("Summarize this note in at most three sentences."),
        ]


def as_json(value: Note | Entries) -> str:
    """Return a value as tools return it."""
    kind = TypeAdapter[Note | Entries](type(value))
    return json.dumps(kind.dump_python(value, mode="json"), ensure_ascii=False)
