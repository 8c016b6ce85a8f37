"""The domain: notes, and where they are kept. Nothing here knows how it is reached."""

from .memory import MemoryNotes
from .model import (
    START,
    Draft,
    Note,
    NoteChangedError,
    NoteNotFoundError,
    Page,
    StoreFullError,
    Text,
    Title,
)
from .repository import NoteRepository

__all__ = [
    "START",
    "Draft",
    "MemoryNotes",
    "Note",
    "NoteChangedError",
    "NoteNotFoundError",
    "NoteRepository",
    "Page",
    "StoreFullError",
    "Text",
    "Title",
]
