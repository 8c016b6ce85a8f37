"""`/v1/notes`: notes over HTTP."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from ..notes import START, Draft, Note, NoteRepository, Page
from ..problems import documented

NOT_FOUND = documented(HTTPStatus.NOT_FOUND)
CHANGED = documented(HTTPStatus.PRECONDITION_FAILED)
FULL = documented(HTTPStatus.CONFLICT)
BAD_BODY = documented(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)

ETAG = re.compile(r'"([1-9][0-9]{0,17})"')

router = APIRouter(
    prefix="/v1/notes",
    tags=["notes"],
    responses=documented(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)


async def repository(request: Request) -> NoteRepository:
    """Return where the application keeps its notes."""
    notes: NoteRepository = request.app.state.notes
    return notes


Notes = Annotated[NoteRepository, Depends(repository)]
IfMatch = Annotated[
    str, Header(description="The ETag of the version to change, or * for any. If it is not: 412.")
]


@router.post("", status_code=HTTPStatus.CREATED, responses=BAD_BODY | FULL)
async def create_note(draft: Draft, notes: Notes, response: Response) -> Note:
    """Keep a new note."""
    note = Note.create(draft, datetime.now(UTC))
    await notes.add(note)
    response.headers["Location"] = f"{router.prefix}/{note.id}"
    return tagged(note, response)


@router.get("")
async def list_notes(
    notes: Notes,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[UUID, Query(description="`next_cursor` of the page before.")] = START,
) -> Page:
    """Return a page of notes, oldest first."""
    return await notes.page(cursor, limit)


@router.get("/{note_id}", responses=NOT_FOUND)
async def get_note(note_id: UUID, notes: Notes, response: Response) -> Note:
    """Return a note."""
    return tagged(await notes.get(note_id), response)


@router.put("/{note_id}", responses=BAD_BODY | NOT_FOUND | CHANGED)
async def replace_note(
    note_id: UUID, draft: Draft, notes: Notes, response: Response, if_match: IfMatch = "*"
) -> Note:
    """Replace what is written in a note."""
    now = datetime.now(UTC)
    return tagged(await notes.replace(note_id, draft, now, version_of(if_match)), response)


@router.delete("/{note_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND | CHANGED)
async def delete_note(note_id: UUID, notes: Notes, if_match: IfMatch = "*") -> None:
    """Delete a note."""
    await notes.delete(note_id, version_of(if_match))


def tagged(note: Note, response: Response) -> Note:
    """Return the note, its version told as the response's ETag."""
    response.headers["ETag"] = f'"{note.version}"'
    return note


def version_of(if_match: str) -> int | None:
    """Return the version that an `If-Match` names: None for any, 0 for one that no note has."""
    if if_match == "*":
        return None
    etag = ETAG.fullmatch(if_match)
    return int(etag[1]) if etag else 0
