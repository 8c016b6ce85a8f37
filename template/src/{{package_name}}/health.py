"""Whether this process should get requests, and what stands against it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

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
    """

    def __init__(self, checks: Mapping[str, Check] | None = None) -> None:
        self._checks = dict(checks or {})
        self._started = time.monotonic()
        self._draining = False

    def drain(self) -> None:
        """Be unready from now on, for the process is about to stop."""
        self._draining = True

    async def report(self) -> Report:
        """Ask every dependency, all at once, and return what was found."""
        results = await asyncio.gather(*(_ask(*item) for item in self._checks.items()))
        return Report(
            status="draining" if self._draining else "ok" if all(results) else "failed",
            uptime_seconds=round(time.monotonic() - self._started, 3),
            checks={
                name: "ok" if result else "failed"
                for name, result in zip(self._checks, results, strict=True)
            },
        )


async def _ask(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception:
        logger.exception("check failed", extra={"check": name})
        return False
    return True
