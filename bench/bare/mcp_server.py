"""Two tools of a generated MCP server on the SDK alone, run by the project's Python."""
# mypy: ignore-errors
# What it imports is in the project, not here.

import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

import uvicorn
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel


class Note(BaseModel):
    """What the tools of the project return too."""

    id: UUID
    title: str
    text: str
    version: int
    created_at: datetime
    updated_at: datetime


notes: dict[UUID, Note] = {}
server = MCPServer("bare", log_level="ERROR")


@server.tool()
async def create_note(title: str, text: str = "") -> Note:
    """Keep a new note."""
    now = datetime.now(UTC)
    note = Note(id=uuid4(), title=title, text=text, version=1, created_at=now, updated_at=now)
    notes[note.id] = note
    return note


@server.tool()
async def get_note(note_id: UUID) -> Note:
    """Read a note: its title, text, version and times."""
    return notes[note_id]


app = server.streamable_http_app(stateless_http=True, json_response=True)
port = int(os.environ["APP_PORT"])
uvicorn.run(app, port=port, ws="none", log_config=None, access_log=False, server_header=False)
