"""The domain: notes, and where they are kept. Nothing here knows how it is reached."""

from .memory import MemoryNotes
from .model import (
    START,
    ChangeUnknownError,
    Draft,
    Note,
    NoteChangedError,
    NoteNotFoundError,
    Page,
    StoreFullError,
    StoreUnavailableError,
    Text,
    Title,
)
from .repository import NoteRepository

__all__ = [
    "START",
    "ChangeUnknownError",
    "Draft",
    "MemoryNotes",
    "Note",
    "NoteChangedError",
    "NoteNotFoundError",
    "NoteRepository",
    "Page",
    "StoreFullError",
    "StoreUnavailableError",
    "Text",
    "Title",
]
