"""One entry of the ledger on its way: each phase is carried out, recorded before, and told."""

import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from ops import preflight
from ops.ledger import Entry
from ops.lock import Lock
from ops.model import Progress, Release, Rollout
from ops.place import Place
from ops.rollout import ENDED, Done, Event, Phase, State, Trouble, advance
from pipeline import trivy
from pipeline.shell import FailedError

if TYPE_CHECKING:
    from ops import gate

POLL = 0.5
"""Seconds from one look at the target to the next."""
PATIENCE = 30.0
"""Seconds for which a target may be out of reach without that being a reason to go back."""
HEARING = 1.0
"""Seconds from one look for somebody who asks to go back to the next."""
STOP = "stop"
"""The document by which somebody asks the run that holds the lock to go back."""

# Where trouble is no reason to go back: it is tried again, until the deadline.
INSISTENT = (Phase.FINISHING, Phase.ABORTING, Phase.RESTORING)


def say(text: str) -> None:
    """Tell a change, in one line with its time; what a terminal shows meanwhile goes."""
    _show(f"{datetime.now(UTC):%H:%M:%S}  {text}\n")


def _show(text: str) -> None:
    """Print in place of what a terminal shows meanwhile."""
    # That nobody listens any more, or a signal came while it was printed, does not stop half-way.
    with suppress(OSError, RuntimeError):
        print(f"\r\033[K{text}" if sys.stdout.isatty() else text, end="", flush=True)


def prepare(place: Place, version: str, number: int) -> tuple[Release, preflight.Image]:
    """Return the release of a version, checked, as it would be recorded under a number.

    Raises:
        FailedError: the target or the gates cannot be asked, there is no such image, or it may not
            be deployed.
    """
    with ThreadPoolExecutor() as beside:  # each waits for somebody else
        there = beside.submit(place.target.check)
        known = beside.submit(trivy.check_database, datetime.now(UTC))
        found = beside.submit(preflight.find, version)
        from ops import gate  # noqa: PLC0415  # takes half a second, which a rollback does without

        gate.check(place.environment)
        there.result()
        image = found.result()
        known.result()
        origin = beside.submit(preflight.verify_origin, image)
        findings = beside.submit(preflight.refuse_findings, image)
        rendered = beside.submit(place.target.render, image.name)
        say(f"{image.name}\n{origin.result()}")
        findings.result()
        return Release(number, version, image.name, rendered.result(), image.version), image


@dataclass
class Run:
    """One entry of the ledger, brought to its end under the lock."""

    place: Place
    lock: Lock
    entry: Entry
    hold: bool = False
    _rollout: Rollout | None = None
    _since: float = field(default_factory=time.monotonic)
    _trouble_since: float | None = None
    _watch: "gate.Watcher | None" = None
    _open: ExitStack = field(default_factory=ExitStack)
    _stopped: str = ""
    """Who asked to go back, or by which signal; empty as long as nobody did."""
    _wake: threading.Event = field(default_factory=threading.Event)
    _told: str = ""
    steps: list[tuple[str, float, str]] = field(default_factory=list)
    """What was done, in how many seconds, with what result."""

    def drive(self, state: State | None = None) -> Entry:
        """Go on, from that state if one is given, until it has ended or is held; return the entry.

        Raises:
            LockedError: the lock was taken away, so that what is left to do is another's.
            LostError: it could not be renewed.
        """
        with self._heeding_signals(), self._hearing(), self._open:
            doing = f"{self.entry.action} {self.entry.version}"
            say(f"{doing} on {self.place.name}, {self.entry.phase}; times are UTC")
            if state and state != self.entry.state:
                self._enter(state)
            while self.entry.phase not in ENDED | {Phase.HELD}:
                self.lock.check()
                event, following = self._event(self.entry.state), self.entry.state
                if event is not None:
                    following = advance(following, event, self.entry.strategy, hold=self.hold)
                if following == self.entry.state:
                    self._wake.wait(POLL)  # or until a signal comes
                    self._wake.clear()
                else:
                    self._enter(following)
        return self.entry

    def _enter(self, state: State) -> None:
        """Record a state before anything is done in it, so that a killed run can be put right."""
        before = self.entry
        over = state.phase in ENDED
        self.entry = replace(before, state=state, ended=datetime.now(UTC) if over else None)
        if error := self._unwritten(patience=PATIENCE if over else 0):
            if state.phase not in (*INSISTENT[1:], Phase.REFUSED, Phase.FAILED, Phase.STUCK):
                self.entry = before
                trouble = Trouble(f"the ledger cannot be written: {error}")
                self._enter(advance(before.state, trouble, before.strategy))
                return
            say(f"the ledger cannot be written, and lacks that it is {state.phase}: {error}")
        self._open.close()
        self._watch = None
        said = state.reason if state.phase in (Phase.ABORTING, Phase.STUCK) else self._told
        self.steps.append((str(before.state.phase), time.monotonic() - self._since, said))
        self._since, self._trouble_since, self._told = time.monotonic(), None, ""
        if self._rollout:
            self._rollout = replace(self._rollout, stop=state.stop)
        if not over:
            share = self.entry.strategy.shares[state.stop]
            towards = f" to {share} % of the traffic" if state.phase is Phase.PROMOTING else ""
            why = f": {state.reason}" if state.phase is Phase.ABORTING else ""
            say(f"{state.phase}{towards}{why}")

    def _unwritten(self, patience: float) -> str:
        """Write the entry down; return why not, after so many seconds. What has ended can wait."""
        end = time.monotonic() + patience
        while True:
            try:
                self.place.ledger.update(self.entry)
            except FailedError as error:
                if time.monotonic() >= end:
                    return str(error)
                time.sleep(POLL)
            else:
                return ""

    def _event(self, state: State) -> Event | None:
        insistent = state.phase in INSISTENT
        if self._stopped and not insistent:
            return Trouble(self._stopped)
        try:
            event = self._act(state)
        except Exception as error:  # noqa: BLE001  # of whatever kind: nobody is left half-way
            event = self._failed(state, error)
        else:
            self._trouble_since = None
        if self._stopped and not insistent:  # what went wrong may have done so for that reason
            return Trouble(self._stopped)
        if isinstance(event, Progress):
            self._tell(str(event))
            waiting = state.phase in (Phase.SETTLING, Phase.RESTORING)
            deadline = self.place.environment.deadline
            is_late = time.monotonic() - self._since > deadline
            if waiting and is_late and not event.settled and not event.failed:
                late = f"not {state.phase.split()[-1]} within {deadline:.0f} s: {event}"
                return Trouble(f"{late}{self._complaint(state)}")
        return event

    def _failed(self, state: State, error: Exception) -> Trouble | None:
        """Return what an error comes to; where it may pass, nothing for a while."""
        if not isinstance(error, FailedError):
            traceback.print_exc()
            error = FailedError(f"unexpected: {error!r}")
        insistent, deadline = state.phase in INSISTENT, self.place.environment.deadline
        looking = state.phase in (Phase.SETTLING, Phase.WATCHING)
        patience = deadline if insistent else min(PATIENCE, deadline) if looking else 0
        self._trouble_since = self._trouble_since or time.monotonic()
        if time.monotonic() - self._trouble_since >= patience:
            return Trouble(str(error))
        if insistent or not self._stopped:
            self._tell(f"cannot look, and tries on: {error}")
        return None

    def _complaint(self, state: State) -> str:
        """Return what the target knows of why a release is not ready."""
        said = ""
        if state.phase is Phase.SETTLING and self._rollout:
            with suppress(FailedError):
                said = self.place.target.complaint(self._rollout)
        return f": {said}" if said else ""

    def _act(self, state: State) -> Event | None:
        """Do what the phase is there for."""
        target = self.place.target
        if state.phase is Phase.PENDING:
            self._prepare()
            return Done()
        rollout = self._rollout = self._rollout or self.place.ledger.rollout(self.entry)
        match state.phase:
            case Phase.BEGINNING:
                target.begin(rollout)
            case Phase.SETTLING:
                return target.observe(rollout)
            case Phase.SMOKING:
                return self._smoke(rollout)
            case Phase.WATCHING:
                return self._look(rollout)
            case Phase.PROMOTING:
                target.promote(rollout)
            case Phase.FINISHING:
                target.finish(rollout)
            case Phase.ABORTING:
                target.abort(rollout)
            case Phase.RESTORING:
                return target.restored(rollout)
        return Done()

    def _prepare(self) -> None:
        """Make sure of everything that can be known before anything is touched."""
        place, entry = self.place, self.entry
        if entry.action == "rollback":
            place.target.check()
        else:
            release, image = prepare(place, entry.version, entry.number)
            place.ledger.keep(release, entry.previous)
            self.entry = replace(
                entry, image=image.name, commit=image.commit, committed=image.committed
            )
        self._rollout = place.ledger.rollout(self.entry)  # which may not be kept any more

    def _smoke(self, rollout: Rollout) -> Event:
        from ops import gate  # noqa: PLC0415

        environment = self.place.environment
        with self.place.target.reach(rollout) as url:
            found = gate.smoke(environment, url, rollout.release.serves)
            self._tell(str(found), stays=True)
            if found.event == Done() and environment.integration:
                found = gate.integration(environment, url)
                self._tell(str(found), stays=True)
        return found.event

    def _look(self, rollout: Rollout) -> Event | None:
        from ops import gate  # noqa: PLC0415

        progress = self.place.target.observe(rollout)
        if progress.failed or not progress.settled:
            return progress
        if self._watch is None:
            environment = self.place.environment
            reached = self.place.target.reach(rollout)
            url = "" if environment.watch.prometheus else self._open.enter_context(reached)
            watcher = gate.Watcher(environment, rollout.release.number, url)
            self._watch = self._open.enter_context(closing(watcher))
        found = self._watch.step()
        self._tell(str(self._watch) if found is None else str(found), stays=found is not None)
        return None if found is None else found.event

    def _tell(self, text: str, *, stays: bool = False) -> None:
        """Tell how it goes: in a log, each change; on a terminal in one line, unless it stays."""
        stays = stays or not sys.stdout.isatty()
        if stays and text and text != self._told:
            say(f"  {text}")
        self._told = text or self._told
        if not stays:
            width = shutil.get_terminal_size().columns
            _show(f"{'':10}{' '.join(text.split())}"[: width - 1])

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Hear, beside what is done, whether somebody asks to go back; one who is heard is enough.

        What they wrote stays: whoever takes the lock next clears it away.
        """
        over, store = threading.Event(), self.place.target.store

        def listen() -> None:
            while not over.wait(HEARING):
                with suppress(FailedError):  # a target that is out of reach is noticed elsewhere
                    if asked := store.read(STOP):
                        self._stopped = self._stopped or asked.text
                        self._wake.set()
                        return

        threading.Thread(target=listen, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        """Go back on the first signal, and leave at once on the second."""

        def heed(number: int, _frame: FrameType | None) -> None:
            name = signal.Signals(number).name
            self._stopped = f"stopped by {name}"
            self._wake.set()
            if number == signal.SIGHUP:  # a terminal that is closed may say so twice
                signal.signal(number, signal.SIG_IGN)
                return
            signal.signal(number, signal.default_int_handler)
            phase = self.entry.phase
            then = f"goes on {phase}" if phase in INSISTENT else "goes back"
            say(f"{self._stopped}: it {then}; a second {name} leaves at once")

        heeded = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            heeded.append(signal.SIGHUP)
        kept = {each: signal.signal(each, heed) for each in heeded}
        try:
            yield
        except KeyboardInterrupt:
            then = (
                f"the next deployment goes on from here, and so does `inv abort {self.place.name}`"
            )
            say(f"left while {self.entry.phase}: {then}")
            raise
        finally:
            _show("")
            for number, handler in kept.items():
                signal.signal(number, handler)
