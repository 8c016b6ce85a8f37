"""Notes that are kept elsewhere, and read through a cache in Redis."""

import asyncio
import contextlib
import json
import logging
import math
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from uuid import UUID

from prometheus_client import Counter
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from .. import DISTRIBUTION
from ..logs import reason
from ..metrics import Metrics
from ..settings import Settings
from .model import Draft, Note, Page
from .repository import NoteRepository

# Redis answers one after the other: more connections would only wait there.
CONNECTIONS = 10
# For so long reads leave a cache alone that has failed.
PAUSE_SECONDS = 1
# Added to the time-outs, for a machine that is slower than they know.
SPARE_SECONDS = 5

OUTCOMES = ("hit", "miss", "failed", "skipped")
# In place of a note that changes or has just changed: whoever reads it asks where it is kept.
MARKER = b""
PREFIX = f"{DISTRIBUTION}:note:"

logger = logging.getLogger(__name__)

_notes = TypeAdapter(Note)

# What a value begins with, so that no release takes one of another shape for its own. It is not in
# the key: two releases that serve side by side must tell each other what has changed.
SHAPE = b"%08x" % zlib.crc32(json.dumps(_notes.json_schema(), sort_keys=True).encode())


class CachedNotes:
    """A `NoteRepository` that reads a note from Redis, and from where it is kept if it must.

    Whatever is wrong with Redis, notes are read and changed as if there were no cache; it is
    counted, and is logged when it begins, and when it ends. No page is cached, for every note that
    is added, changed or deleted would make some of them wrong, and nobody could say which.
    """

    def __init__(self, kept: NoteRepository, settings: Settings, metrics: Metrics) -> None:
        self._kept = kept
        self._ttl = settings.cache_ttl
        self._timeout = settings.cache_timeout
        # As long as a change and then a read can take, so that whoever has read the note before
        # the change comes too late to cache it.
        self._marker_ttl = SPARE_SECONDS + math.ceil(
            settings.database_pool_timeout
            + settings.database_connect_timeout
            + settings.database_statement_timeout * 2
        )
        # In a blocking pool, before Python 3.13, a waiter that is cancelled as it is woken wakes
        # nobody else.
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._redis = Redis.from_url(
            settings.cache_url.get_secret_value(),
            max_connections=CONNECTIONS,
            # With 3, it would neither notice nor drop a connection that holds a stranger's answer.
            protocol=2,
            driver_info=None,  # nor two more commands before the first
            socket_connect_timeout=self._timeout,
            socket_timeout=None,  # what bounds the whole bounds this
        )
        self._is_available = True
        self._next_try = -math.inf
        self._requests = Counter(
            "cache_requests",
            "Reads of the cache by outcome, and whatever else failed there.",
            ["outcome"],
            registry=metrics.registry,
        )
        for outcome in OUTCOMES:
            self._requests.labels(outcome)

    async def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(RedisError):
            await self._redis.aclose()

    async def add(self, note: Note) -> None:
        """Keep a new note, which nobody has asked for yet."""
        await self._kept.add(note)

    async def get(self, note_id: UUID) -> Note:
        """Return the note, and cache it."""
        outcome, note = await self._find(note_id)
        if note is None:
            note = await self._kept.get(note_id)
            if outcome == "miss":
                await self._set(note_id, SHAPE + _notes.dump_json(note), self._ttl, is_new=True)
        return note

    async def page(self, after: UUID, limit: int) -> Page:
        """Return up to `limit` notes whose ids come after `after`, which is `START` at first."""
        return await self._kept.page(after, limit)

    async def replace(
        self, note_id: UUID, draft: Draft, now: datetime, expected: int | None
    ) -> Note:
        """Keep the next version of the note, and return it."""
        async with self._changing(note_id):
            return await self._kept.replace(note_id, draft, now, expected)

    async def delete(self, note_id: UUID, expected: int | None) -> None:
        """Forget the note."""
        async with self._changing(note_id):
            await self._kept.delete(note_id, expected)

    @contextlib.asynccontextmanager
    async def _changing(self, note_id: UUID) -> AsyncIterator[None]:
        """Keep the note out of the cache, from now on until its past self is forgotten."""
        # Before, for the process may end in the middle; and after, for it may have been slow.
        await self._set(note_id, MARKER, self._marker_ttl)
        try:
            yield
        finally:
            await self._set(note_id, MARKER, self._marker_ttl)

    async def _set(self, note_id: UUID, value: bytes, ttl: int, *, is_new: bool = False) -> None:
        with self._surviving():
            async with asyncio.timeout(self._timeout), self._places:
                await self._redis.set(f"{PREFIX}{note_id}", value, ex=ttl, nx=is_new)

    async def _find(self, note_id: UUID) -> tuple[str, Note | None]:
        """Return the outcome of asking the cache, and what it has."""
        is_trial = not self._is_available
        if is_trial:
            now = asyncio.get_running_loop().time()
            if now < self._next_try:
                self._requests.labels("skipped").inc()
                return "skipped", None
            self._next_try = now + PAUSE_SECONDS  # one caller pays for the others
        with self._surviving():
            async with asyncio.timeout(self._timeout), self._places:
                if is_trial:  # to answer is not enough: a full one, or a replica, takes no change
                    await self._redis.set(f"{DISTRIBUTION}:trial", MARKER, ex=1)
                # Where GET fails, since the key is of another kind, this finds nothing.
                [value] = await self._redis.mget(f"{PREFIX}{note_id}")
            if is_trial and not self._is_available:
                logger.info("cache available again")
                self._is_available = True
            note = _read(value)
            outcome = "hit" if note else "miss"
            self._requests.labels(outcome).inc()
            return outcome, note
        return "failed", None

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """End without an error, whichever there is."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self._requests.labels("failed").inc()
            if self._is_available:
                logger.warning("cache unavailable", extra={"reason": reason(error)})
                self._next_try = asyncio.get_running_loop().time() + PAUSE_SECONDS
            self._is_available = False


def _read(value: bytes | str | None) -> Note | None:
    """Return the note that a value is, if it is one."""
    if not isinstance(value, bytes) or not value.startswith(SHAPE):
        return None
    try:
        return _notes.validate_json(value.removeprefix(SHAPE))
    except ValidationError:
        return None
