"""What a person is shown of an environment: what serves, and how that came to be."""

from datetime import UTC, datetime

from tabulate import tabulate

from ops import ledger
from ops.health import Report, examine
from ops.ledger import ENTRIES
from ops.lock import holder
from ops.place import Place

HEADS = ("number", "release", "version", "action", "outcome", "UTC", "took", "by", "from", "why")


def status(place: Place) -> str:
    """Return what serves, what is under way, who holds the lock, and every instance."""
    entries = place.ledger.entries()
    serving = ledger.live(entries)
    lines = [f"{place.name}: nothing was deployed yet"]
    if serving:
        lines = [
            f"{place.name} serves {serving.version}, release {serving.release}",
            f"since      {serving.ended:%Y-%m-%d %H:%M} UTC",
            f"by         {serving.who}, from {serving.origin}",
            f"image      {serving.image}",
        ]
    if entries and not entries[-1].is_over:
        entry = entries[-1]
        where = f"at {entry.share} % of the traffic"
        lines.append(f"under way  {entry.version}: {entry.phase}, {where}")
    if lease := holder(place.target.store):
        gone = ", gone: it is taken over" if lease.has_expired(datetime.now(UTC)) else ""
        lines.append(f"lock       {lease}{gone}")
    rows = [
        (each.name, each.release, _yes(each.live), _yes(each.ready), each.restarts)
        for each in place.target.instances()
    ]
    if rows:
        lines += ["", tabulate(rows, ("instance", "release", "live", "ready", "restarts"), "plain")]
    return "\n".join(lines)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""


def history(place: Place, number: int, *, as_json: bool) -> str:
    """Return the newest entries of the ledger as a table, or as JSON."""
    entries = place.ledger.entries()[-number:]
    if as_json:
        return ENTRIES.dump_json(entries, indent=1).decode()
    serving = ledger.live(entries)
    rows = [
        (
            entry.number,
            entry.release,
            entry.version + (" *" if serving and entry.number == serving.number else ""),
            entry.action,
            entry.phase,
            f"{entry.began:%Y-%m-%d %H:%M}",
            f"{entry.seconds:.0f} s",
            entry.who,
            entry.origin,
            entry.reason,
        )
        for entry in reversed(entries)
    ]
    return tabulate(rows, HEADS, "plain", maxcolwidths=[None] * 9 + [60])


def health(place: Place) -> Report:
    """Return how the environment is, asked for as its users reach it."""
    instances, serving = place.target.instances(), ledger.live(place.ledger.entries())
    expected = place.ledger.release(serving.release).serves if serving else ""
    with place.target.reach() as url:
        return examine(place.environment, url, instances, serving, expected)
