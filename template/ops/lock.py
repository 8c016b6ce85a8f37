"""One at a time per environment: a lock that says who holds it, is renewed, and expires."""

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import uuid4

from ops.targets import ConflictError, Kept, Store
from pipeline.shell import FailedError

NAME = "lock"


class LockedError(Exception):
    """Somebody else is at work here; the message says who, from where, and since when."""


class LostError(Exception):
    """The lock could not be renewed for as long as it counts: nobody knows who is at work now."""


@dataclass(frozen=True)
class Lease:
    """Who holds the lock."""

    who: str
    origin: str
    """Where they are at work: a machine, or a link to a run of the pipeline."""
    doing: str
    since: datetime
    renewed: datetime
    seconds: float
    """How long after it was renewed it counts."""
    token: str
    """Tells two runs of one person apart."""

    @classmethod
    def parse(cls, text: str) -> "Lease":
        """Return what `dump` wrote."""
        values = json.loads(text)
        times = {key: datetime.fromisoformat(values[key]) for key in ("since", "renewed")}
        return cls(**{**values, **times})

    def dump(self) -> str:
        """Return it as a document."""
        return json.dumps(asdict(self), default=str, indent=1)

    def has_expired(self, now: datetime) -> bool:
        """Tell whether it should have been renewed by now, as far as two clocks can tell.

        What was renewed in the future says nothing of who died, so it is not believed either.
        """
        return abs(now - self.renewed) > timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        """Say who, what and since when."""
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.who} ({self.doing}) from {self.origin}, since {since}"


class Lock:
    """The lock of an environment, held while the context lasts.

    Raises:
        LockedError: on entering; somebody else holds it, and is alive.
        FailedError: the target cannot be reached, or is full.
    """

    def __init__(self, store: Store, who: str, origin: str, doing: str, seconds: float) -> None:
        now = datetime.now(UTC)
        self._store, self._document = store, Kept(store, NAME)
        self._lease = Lease(who, origin, doing, now, now, seconds, uuid4().hex)
        self._renewed = uptime()
        self._lost = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.overtaken: Lease | None = None
        """Whose lock had expired and was taken over, if anybody's."""

    def __enter__(self) -> Self:
        """Take it, from one who died if need be."""
        try:
            self._renew()
        except ConflictError:
            self._overtake()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back; what is not ours any more stays."""
        self._over.set()
        self._thread.join()
        with suppress(FailedError):  # then it expires
            self._document.delete()

    def check(self) -> None:
        """Make sure that it is still held: to be called before anything is touched.

        Raises:
            LockedError: it was taken away.
            LostError: it could not be renewed for as long as it counts.
        """
        if self._lost:
            raise LockedError(self._lost)
        if uptime() - self._renewed > self._lease.seconds:
            seconds = f"{self._lease.seconds:.0f} s"
            msg = f"the lock could not be renewed for {seconds}, so nothing more is touched: "
            raise LostError(f"{msg}the next run goes back from here")

    def _renew(self) -> None:
        begun = uptime()
        self._lease = replace(self._lease, renewed=datetime.now(UTC))
        self._document.write(self._lease.dump())
        self._renewed = begun

    def _overtake(self) -> None:
        held = self._store.read(NAME)
        if held is not None:
            lease = Lease.parse(held.text)
            if not lease.has_expired(datetime.now(UTC)):
                raise LockedError(str(lease))
            # Two clocks may differ by more than a lease. One who is alive renews it meanwhile.
            time.sleep(lease.seconds / 2)
            self.overtaken = lease
            self._document = Kept(self._store, NAME, held.revision)
        try:
            self._renew()
        except ConflictError:
            raise LockedError(str(holder(self._store) or "somebody else")) from None

    def _keep(self) -> None:
        while not self._over.wait(self._lease.seconds / 4):
            with suppress(FailedError):  # `check` tells when that has gone on for too long
                try:
                    self._renew()
                except ConflictError:
                    taker = holder(self._store)
                    self._lost = f"the lock was taken away by {taker or 'somebody who unlocked'}"
                    return


def uptime() -> float:
    """Return the seconds of a clock that goes on while this machine sleeps.

    `time.monotonic` stands still then: one who wakes up would take an old lock for his own.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def holder(store: Store) -> Lease | None:
    """Return who holds the lock, alive or not."""
    held = store.read(NAME)
    return Lease.parse(held.text) if held else None


def wait_for_end(store: Store) -> None:
    """Return once who holds the lock has given it back, or lets it expire, by the clock here."""
    seen, since = holder(store), uptime()
    while (now := holder(store)) and seen and now.token == seen.token:
        if now != seen:
            seen, since = now, uptime()
        elif uptime() - since > now.seconds:
            return
        time.sleep(1)


def unlock(store: Store) -> Lease | None:
    """Take the lock away from whoever holds it; return who that was."""
    while held := store.read(NAME):
        with suppress(ConflictError):  # it was renewed meanwhile
            store.delete(NAME, held.revision)
            return Lease.parse(held.text)
    return None
