"""The four delivery figures, out of what the ledger has: https://dora.dev/guides/dora-metrics/."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from ops.ledger import Entry
from ops.rollout import ENDED, Phase
from pipeline.shell import FailedError

DAY = timedelta(days=1)
COUNTED = ENDED - {Phase.REFUSED}
"""What was refused has not been a deployment."""


@dataclass(frozen=True)
class Figures:
    """How software is delivered; None where nothing has happened that would tell."""

    days: int
    """Over how many days, up to now."""
    deployments: int
    """Those that ended, whichever way; roll-backs are none."""
    failed: int
    """Those of them that failed, or were rolled back."""
    per_day: float
    """Deployment frequency: those that came to serve, a day."""
    lead_time: float | None
    """Seconds from a commit to its first serving; the median."""
    failure_rate: float | None
    """Change failure rate: the share of the deployments that failed, or were rolled back."""
    restore_time: float | None
    """Seconds from then until all served well again; the median."""

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a table that a person can paste."""
        from tabulate import tabulate  # noqa: PLC0415  # it takes 0.2 s

        rate = "no data" if self.failure_rate is None else f"{self.failure_rate:.0%}"
        rows = [
            ("deployment frequency", f"{self.per_day * 7:.1f} a week"),
            ("lead time for changes", duration(self.lead_time)),
            ("change failure rate", f"{rate} ({self.failed} of {self.deployments})"),
            ("time to restore", duration(self.restore_time)),
        ]
        return tabulate(rows, (f"last {self.days} days", ""), "simple", disable_numparse=True)


def duration(seconds: float | None) -> str:
    """Return seconds as a person says them."""
    if seconds is None:
        return "no data"
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def figures(entries: Iterable[Entry], now: datetime, days: int = 30) -> Figures:
    """Return the figures of the last days.

    Args:
        entries: all that the ledger has of one environment, in the order of their numbers.
        now: with a time zone.
        days: how many.

    Raises:
        FailedError: they are none.
    """
    if days < 1:
        msg = f"days must be at least 1 (got {days})"
        raise FailedError(msg)
    entries = [each for each in entries if each.phase in COUNTED and each.ended]
    recent = [each for each in entries if each.ended and each.ended >= now - days * DAY]
    deployments = [each for each in recent if each.action == "deploy"]
    served = [each for each in deployments if each.phase is Phase.DEPLOYED]
    regretted = [each for each in deployments if each not in served or _rolled_back(each, entries)]
    waits = [
        (each.ended - each.committed).total_seconds()
        for each in served
        if each.ended and each.committed and _is_first(each, entries)
    ]
    restores = [seconds for each in regretted if (seconds := _restored(each, entries)) is not None]
    return Figures(
        days=days,
        deployments=len(deployments),
        failed=len(regretted),
        per_day=len(served) / days,
        lead_time=median(waits) if waits else None,
        failure_rate=len(regretted) / len(deployments) if deployments else None,
        restore_time=median(restores) if restores else None,
    )


def _is_first(entry: Entry, entries: Sequence[Entry]) -> bool:
    """Tell whether the commit had not served before: to deploy it again delivers nothing."""
    before = [each for each in entries if each.number < entry.number]
    served = {each.commit for each in before if each.phase is Phase.DEPLOYED}
    return not entry.commit or entry.commit not in served


def _rolled_back(entry: Entry, entries: Sequence[Entry]) -> Entry | None:
    """Return the roll-back that took a release away for an earlier one.

    One that goes forward again, a roll-back of a roll-back, says nothing against what it leaves.
    """
    for each in entries:
        back = each.action == "rollback" and each.phase is Phase.DEPLOYED
        if back and each.previous == entry.number and each.release < entry.number:
            return each
    return None


def _restored(entry: Entry, entries: Sequence[Entry]) -> float | None:
    """Return the seconds until all was well again after a bad deployment; None: not yet."""
    if entry.phase is Phase.DEPLOYED:  # bad from when it served until it was rolled back
        begin, end = entry.ended, _rolled_back(entry, entries)
    else:
        begin = entry.began
        later = [e for e in entries if e.number > entry.number and e.phase is Phase.DEPLOYED]
        restored = entry.phase is Phase.FAILED and entry.previous is not None
        end = entry if restored else next(iter(later), None)
    if begin is None or end is None or end.ended is None:
        return None
    return (end.ended - begin).total_seconds()
