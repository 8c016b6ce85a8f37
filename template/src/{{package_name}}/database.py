"""PostgreSQL: a pool of connections, and a bound on all that can wait for it."""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import Executable, MetaData, Row, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from . import DISTRIBUTION
from .logs import reason
from .notes import ChangeUnknownError, StoreUnavailableError
from .settings import Settings

# Networks forget connections on which nothing happens, and tell nobody.
RECYCLE_SECONDS = 300
# Past the server's own time-out, which leaves the connection usable.
PATIENCE_SECONDS = 1
CLOSE_SECONDS = 2
# For so long nothing may fail until an outage counts as over: an overload ends many times a second.
QUIET_SECONDS = 1
# Beginnings of an SQLSTATE with which the server, not the statement, is at fault: it is a replica,
# takes no connection, sees a deadlock, lacks resources or a lock, cancels, stops, or is broken.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
UNAVAILABLE = ("08", "25006", "28", "3D", "40", "53", "55", "57", "58")

# What the driver raises where there is no connection; SQLAlchemy does not know all of it.
UNCONNECTED = (
    *(OSError, OverflowError, UnicodeError),  # the last two are of a host or port that is none
    *(asyncpg.InterfaceError, asyncpg.PostgresError),
)
UNREACHABLE = "the notes cannot be reached just now: try again"
UNANSWERED = "no answer came, and the change may be made: look before you try again"
# In these, the server's main sentence names columns and constraints, and no value: a constraint is
# violated; a statement is wrong, or not allowed.
TELLING = ("23", "42")

logger = logging.getLogger(__name__)

# Every table, for migrations to be compared with; constraints get names by which to change them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Database:
    """A database. Each statement is a transaction of its own.

    Whatever is wrong with the database and not with the statement is a `StoreUnavailableError`,
    and is logged when it begins, and when it ends.
    """

    def __init__(self, settings: Settings) -> None:
        self._engine = _engine(settings, settings.database_pool_size)
        # Else the busier the service is, the less ready it would look, and the fewer would be left.
        self._probe = _engine(settings, 1)
        self._is_available = True
        self._last_failure = -math.inf

    async def read(self, statement: Executable) -> Sequence[Row[Any]]:
        """Return the rows of a statement that changes nothing; a lost connection is replaced."""
        try:
            return await self._execute(statement)
        except _ConnectionLostError:
            return await self._execute(statement)

    async def write(self, statement: Executable) -> Sequence[Row[Any]]:
        """Return the rows of a statement that changes something, and so is tried only once.

        Raises:
            ChangeUnknownError: its answer never came.
        """
        try:
            return await self._execute(statement)
        except _UnansweredError as error:
            raise ChangeUnknownError(UNANSWERED) from error

    async def probe(self, statement: Executable) -> None:
        """Execute a statement outside of the pool, or raise whatever is wrong."""
        async with self._probe.connect() as connection:
            await connection.execute(statement)

    async def close(self) -> None:
        """Close every connection, and wait for no answer of a network that is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(self._engine.dispose(), self._probe.dispose())

    async def _execute(self, statement: Executable) -> Sequence[Row[Any]]:
        try:
            rows = await _rows(self._engine, statement)
        except StoreUnavailableError as error:
            self._last_failure = time.monotonic()
            if self._is_available:
                logger.warning("database unavailable", extra={"reason": reason(error.__cause__)})
            self._is_available = False
            raise
        if not self._is_available and time.monotonic() > self._last_failure + QUIET_SECONDS:
            logger.info("database available again")
            self._is_available = True
        return rows


class StatementError(Exception):
    """A statement failed by its own fault; the text holds nothing of what people write."""


class _UnansweredError(StoreUnavailableError):
    """Nobody knows whether a statement was executed."""


class _ConnectionLostError(_UnansweredError):
    """The connection ended during a statement, which shows at once."""


async def _rows(engine: AsyncEngine, statement: Executable) -> Sequence[Row[Any]]:
    try:
        async with engine.connect() as connection:
            try:
                result = await connection.execute(statement)
            except OSError as error:  # SQLAlchemy drops the connection, whose answer may still come
                raise _UnansweredError(UNREACHABLE) from error
            return result.all() if result.returns_rows else ()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _ConnectionLostError(UNREACHABLE) from error
        state = getattr(error.orig, "sqlstate", None) or ""
        if state.startswith(UNAVAILABLE):
            raise StoreUnavailableError(UNREACHABLE) from error
        cause = getattr(error.orig, "__cause__", None) or error
        sentence = f": {cause.args[0]}" if state.startswith(TELLING) else ""
        raise StatementError(f"{type(cause).__name__}{sentence}") from None
    except (*UNCONNECTED, PoolTimeoutError, TimeoutError) as error:
        raise StoreUnavailableError(UNREACHABLE) from error


def _engine(settings: Settings, size: int) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(settings),
        hide_parameters=True,  # an error is logged, and what people write is not
        isolation_level="AUTOCOMMIT",
        max_overflow=0,
        pool_recycle=RECYCLE_SECONDS,
        pool_size=size,
        pool_timeout=settings.database_pool_timeout,
    )
    event.listen(engine.sync_engine, "checkout", _replace_closed)
    return engine


def _replace_closed(connection: Any, *_: object) -> None:
    # What the server has closed meanwhile is known here, and asking it would take a round trip.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def connect(settings: Settings) -> asyncpg.Connection:
    """Return a new connection, whose statements end in time."""
    milliseconds = f"{settings.database_statement_timeout * 1000:.0f}"
    return await asyncpg.connect(
        settings.database_url.get_secret_value(),
        timeout=settings.database_connect_timeout,
        command_timeout=settings.database_statement_timeout + PATIENCE_SECONDS,
        server_settings={"application_name": DISTRIBUTION, "statement_timeout": milliseconds},
    )
