"""Tell whoever NOTIFY_URLS names how a deployment ended; that never fails one, nor holds it up.

The variable has addresses of https://appriseit.com/services, between spaces, commas or lines.
"""

import logging
import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from typing import Literal

from ops.figures import duration
from ops.ledger import Entry
from ops.rollout import Phase

SECONDS = 10.0
"""How long it may take, all in all."""
SCHEME = r"[a-z][a-z0-9+.-]*://"


@dataclass(frozen=True)
class Message:
    """What is told."""

    title: str
    body: str
    kind: Literal["success", "failure", "warning"]


def message(project: str, environment: str, entry: Entry, previous: str) -> Message:
    """Return what is told of a deployment that has ended.

    Args:
        project: the service's name.
        environment: where to.
        entry: what the ledger has of it.
        previous: the version that served until then; empty for none.
    """
    what = f"{project} {entry.version} on {environment}"
    about = f"By {entry.who}, from {entry.origin}.\nBefore: {previous or 'nothing'}."
    why = f"{entry.reason}\n{about}"
    match entry.phase:
        case Phase.DEPLOYED:
            took = duration(entry.seconds)
            back = f"serves again after {took} (rolled back)"
            done = back if entry.action == "rollback" else f"deployed in {took}"
            return Message(f"{what}: {done}", about, "success")
        case Phase.FAILED:
            serves = f"{previous} serves" if previous else "nothing serves"
            return Message(f"{what}: failed, {serves}", why, "failure")
        case Phase.REFUSED:
            return Message(f"{what}: refused, nothing was touched", why, "warning")
        case _:
            return Message(f"{what}: needs a person, nobody knows what serves", why, "failure")


def addresses(text: str) -> list[str]:
    """Return the addresses that are in a text; one may hold commas of its own."""
    parts = re.split(rf"\s+|,(?={SCHEME})", text, flags=re.IGNORECASE)
    return [part.strip(",") for part in parts if part.strip(",")]


def send(message: Message, seconds: float = SECONDS) -> None:
    """Tell everyone at once, and wait for that long at most; print a line if it did not work.

    That line has no word of an address or of who failed to take it: there are secrets in both.
    """
    logging.getLogger("apprise").propagate = False  # it says addresses
    late = f"no answer within {seconds:g} s"
    troubles = dict.fromkeys(enumerate(addresses(os.environ.get("NOTIFY_URLS", "")), 1), late)
    threads = [  # which die with the process: a pool's would be waited for at its end
        threading.Thread(target=_tell, args=(message, each, troubles), daemon=True)
        for each in list(troubles)
    ]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if told := "; ".join(f"number {n}: {trouble}" for (n, _), trouble in [*troubles.items()]):
        print(f"warning: not everyone in NOTIFY_URLS was told: {told}", file=sys.stderr)


def _tell(message: Message, whom: tuple[int, str], troubles: dict[tuple[int, str], str]) -> None:
    log = _Status()
    logging.getLogger("apprise").addHandler(log)
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415  # it takes 0.2 s

        sender = Apprise(asset=AppriseAsset(service_timeout=0))  # else in threads of its own
        if not sender.add(whom[1]):
            troubles[whom] = "no address of https://appriseit.com/services"
        elif sender.notify(
            message.body, message.title, notify_type=message.kind, body_format="text"
        ):
            del troubles[whom]
        else:
            troubles[whom] = f"status {log.status}" if log.status else "it could not be sent"
    except Exception as error:  # noqa: BLE001  # it must not decide a deployment
        troubles[whom] = type(error).__name__
    finally:
        logging.getLogger("apprise").removeHandler(log)


class _Status(logging.Handler):
    """Keeps the HTTP status that this thread was answered with, and nothing else."""

    status = ""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Look for it in a line of apprise's."""
        found = re.search(r"\berror=(\d{3})\b", record.getMessage())
        if found and record.thread == self._thread:
            self.status = found[1]
