"""Whether this process should get requests, and what stands against it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .logs import reason

Check = Callable[[], Awaitable[object]]

# A platform asks every few seconds, and gives up sooner than a driver's own time-out.
CHECK_SECONDS = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """An answer of `Health`: `checks` says `ok` or `failed` for each dependency."""

    status: Literal["ok", "failed", "draining"]
    uptime_seconds: float
    checks: Mapping[str, str]


class Health:
    """The readiness of one process.

    A dependency joins by its check: an async callable that raises while the dependency is unusable.
    That is logged when it begins, and when it ends.
    """

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._failed: set[str] = set()
        self._asking: asyncio.Future[list[bool]] | None = None
        self._started = time.monotonic()
        self._draining = False

    def watch(self, name: str, check: Check) -> None:
        """Be unready while a check fails."""
        self._checks[name] = check

    def drain(self) -> None:
        """Be unready from now on, for the process is about to stop."""
        self._draining = True

    async def report(self) -> Report:
        """Ask every dependency, all at once, and return what was found.

        Whoever asks meanwhile is told the same: a flood of probes is no load for a dependency.
        """
        if self._asking is None or self._asking.done():
            asked = (self._ask(*item) for item in self._checks.items())
            self._asking = asyncio.gather(*asked)
        results = await asyncio.shield(self._asking)
        return Report(
            status="draining" if self._draining else "ok" if all(results) else "failed",
            uptime_seconds=round(time.monotonic() - self._started, 3),
            checks={
                name: "ok" if result else "failed"
                for name, result in zip(self._checks, results, strict=True)
            },
        )

    async def _ask(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001
            if name not in self._failed:
                logger.error("check failed", extra={"check": name, "reason": reason(error)})
            self._failed.add(name)
            return False
        if name in self._failed:
            logger.info("check passed again", extra={"check": name})
        self._failed.discard(name)
        return True
