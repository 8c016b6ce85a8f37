"""What a person asks for: deploy, roll back, promote, abort. Each under the lock, each recorded."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum
from getpass import getuser
from pathlib import Path

from ops import notify
from ops.ledger import Entry, live
from ops.lock import Lock, LockedError, holder, unlock, wait_for_end
from ops.model import BACK, Rollout
from ops.place import Place
from ops.preflight import tag_of
from ops.rollout import START, Done, Phase, State, advance, recover
from ops.run import STOP, Run, prepare, say
from ops.targets import ConflictError
from pipeline.image import project
from pipeline.shell import FailedError, read


class Code(IntEnum):
    """What a task ends with."""

    DONE = 0
    FAILED = 1
    """The release failed, and the previous one serves."""
    REFUSED = 2
    """Nothing was touched."""
    LOCKED = 3
    STUCK = 4
    """A person has to look."""


CODES = {Phase.REFUSED: Code.REFUSED, Phase.FAILED: Code.FAILED, Phase.STUCK: Code.STUCK}


def asker() -> tuple[str, str]:
    """Return who runs this, and from where: a link to the pipeline's run, or a machine."""
    if "GITHUB_RUN_ID" in os.environ:
        run = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"
        return os.environ["GITHUB_ACTOR"], run.format(**os.environ)
    who = ""
    with suppress(FailedError):
        who = read("git", "config", "user.name")
    with suppress(KeyError, OSError):  # in a container, a user may be a number and nothing else
        who = who or getuser()
    return who or f"user {os.getuid()}", socket.gethostname()


def deploy(place: Place, version: str, *, hold: bool = False) -> Code:
    """Bring a published version to all of the traffic; with `hold`, stop at each stop."""
    with locked(place, f"deploy {version}") as lock:
        if stuck := put_right(place, lock):
            return stuck
        entry = new_entry(place, tag_of(version))
        return conclude(place, Run(place, lock, entry, hold=hold))


def rollback(place: Place, to: str) -> Code:
    """Serve an earlier release again, from its recorded manifest; empty: the previous one."""
    with locked(place, f"rollback {to}".strip()) as lock:
        if stuck := put_right(place, lock):
            return stuck
        chosen = earlier(place, to)
        entry = new_entry(place, chosen.version, back_to=chosen)
        return conclude(place, Run(place, lock, entry))


def promote(place: Place, *, hold: bool = False) -> Code:
    """Go on with what is held; with `hold`, to the next stop only."""
    with locked(place, "promote") as lock:
        entry = unfinished(place)
        if entry is None or entry.phase is not Phase.HELD:
            msg = f"nothing is held on {place.name}: see `inv status {place.name}`"
            raise FailedError(msg)
        state = advance(entry.state, Done(), entry.strategy)
        return conclude(place, Run(place, lock, entry, hold=hold), state)


def abort(place: Place) -> Code:
    """Give the traffic back, whether a run is at work, was killed, or holds at a stop."""
    who, origin = asker()
    reason = f"aborted by {who} from {origin}"
    try:
        return take_back(place, reason)
    except LockedError as error:
        say(f"{error} is at work, and is asked to go back")
    try:
        place.target.store.write(STOP, reason, None)
    except ConflictError:
        say("somebody has asked it to already")
    wait_for_end(place.target.store)
    last = place.ledger.entries()[-1:]
    if not all(entry.is_over for entry in last):  # it was killed before, or holds at a stop
        return take_back(place, reason)
    for entry in last:
        say(told(place, entry))
    return Code.STUCK if live(last) else Code.DONE


def take_back(place: Place, reason: str) -> Code:
    """Give the traffic back where nobody is at work.

    Raises:
        LockedError: somebody is.
        FailedError: nothing is under way.
    """
    with locked(place, "abort") as lock:
        entry = unfinished(place)
        if entry is None:
            msg = f"nothing is under way on {place.name}: did you mean `inv rollback`?"
            raise FailedError(msg)
        state = recover(replace(entry.state, reason=reason))
        if state.phase is Phase.HELD:
            state = replace(state, phase=Phase.ABORTING)
        code = conclude(place, Run(place, lock, entry), state)
        return Code.DONE if code in (Code.FAILED, Code.REFUSED) else code


def leave(place: Place) -> Code:
    """Record that what is stuck has failed, and touch nothing: a person has seen to it.

    Raises:
        FailedError: nothing is stuck.
    """
    with locked(place, "abort --leave"):
        entry = unfinished(place)
        if entry is None or entry.phase is not Phase.STUCK:
            msg = f"nothing is stuck on {place.name}: see `inv status {place.name}`"
            raise FailedError(msg)
        who, origin = asker()
        reason = f"left as it is by {who} from {origin}, when it was stuck: {entry.reason}"
        state = replace(entry.state, phase=Phase.FAILED, reason=reason, stuck_in=None)
        place.ledger.update(replace(entry, state=state, ended=datetime.now(UTC)))
        say(f"{entry.version} is recorded as failed on {place.name}, and nothing was touched")
        return Code.DONE


def take_lock(place: Place, *, anyway: bool) -> str:
    """Take the lock from whoever holds it; return who that was, and what they have left.

    Raises:
        FailedError: they are at work, and it is not to be taken from them anyway.
    """
    store, name = place.target.store, place.name
    lease = holder(store)
    if lease and not lease.has_expired(datetime.now(UTC)) and not anyway:
        msg = (
            f"{lease} is at work: `inv abort {name}` asks it to go back; --yes unlocks all the same"
        )
        raise FailedError(msg)
    lease = unlock(store)
    told = f"It was held by {lease}." if lease else "Nobody held it."
    if entry := unfinished(place):
        then = f"`inv abort {name}` takes it back"
        also = "`inv promote` goes on" if entry.phase is Phase.HELD else "so does a deployment"
        told += f"\n{entry.version} is left {entry.phase}: {then}, {also}."
    return told


def rehearse(place: Place, version: str) -> Code:
    """Print what a deployment would change and run, and change nothing.

    What would be refused is refused.
    """
    lease = holder(place.target.store)
    if lease and not lease.has_expired(datetime.now(UTC)):
        raise LockedError(str(lease))
    refuse_held(place, unfinished(place))
    entries = place.ledger.entries()
    serving = live(entries)
    previous = place.ledger.release(serving.release) if serving else None
    release, _ = prepare(place, tag_of(version), len(entries) + 1)
    print(place.target.difference(release) or "The manifest is the same.")
    rollout = Rollout(release, previous, place.environment.plan())
    place.target.begin(rollout)
    for stop in range(len(rollout.strategy.shares)):
        rollout = replace(rollout, stop=stop)
        if stop:
            place.target.promote(rollout)
        for _ in range(place.environment.replicas + 1):
            # In a dry run, each look finds what the commands before it would have made.
            if place.target.observe(rollout).settled:
                break
        else:
            msg = f"it cannot be told what comes after {rollout.share} % of the traffic"
            raise FailedError(msg)
    place.target.finish(rollout)
    return Code.DONE


@contextmanager
def locked(place: Place, doing: str) -> Iterator[Lock]:
    """Hold the environment's lock."""
    who, origin = asker()
    with Lock(place.target.store, who, origin, doing, place.environment.lease) as lock:
        if lock.overtaken:
            say(f"{lock.overtaken} is gone: its lock has expired, and is taken over")
        if stale := place.target.store.read(STOP):
            with suppress(ConflictError):  # it has just been read
                place.target.store.delete(STOP, stale.revision)
        yield lock


def unfinished(place: Place) -> Entry | None:
    """Return the entry that is not over; none if there is none."""
    last = place.ledger.entries()[-1:]
    return next((entry for entry in last if not entry.is_over), None)


def refuse_held(place: Place, entry: Entry | None) -> None:
    """Make sure that nothing is held: whoever holds it has to decide.

    Raises:
        FailedError: something is.
    """
    if entry and entry.phase is Phase.HELD:
        msg = (
            f"{entry.version} is held at {entry.share} % of the traffic by {entry.who}: "
            f"`inv promote {place.name}` or `inv abort {place.name}` first"
        )
        raise FailedError(msg)


def put_right(place: Place, lock: Lock) -> Code | None:
    """Go back or finish where a run was killed; return a code if that needs a person.

    Raises:
        FailedError: something is held, and whoever holds it has to decide.
    """
    entry = unfinished(place)
    refuse_held(place, entry)
    if entry is None:
        return None
    doing = entry.state.stuck_in or entry.phase
    say(f"{entry.version} was interrupted while {doing} (by {entry.who} from {entry.origin})")
    code = conclude(place, Run(place, lock, entry), recover(entry.state))
    return code if code is Code.STUCK else None


def new_entry(place: Place, version: str, back_to: Entry | None = None) -> Entry:
    """Return a new entry of the ledger, of a deployment or of a rollback; it is written down."""
    entries = place.ledger.entries()
    serving = live(entries)
    number = entries[-1].number + 1 if entries else 1
    who, origin = asker()
    entry = Entry(
        number=number,
        action="rollback" if back_to else "deploy",
        release=back_to.release if back_to else number,
        version=version,
        image=back_to.image if back_to else "",
        commit=back_to.commit if back_to else "",
        committed=back_to.committed if back_to else None,
        who=who,
        origin=origin,
        began=datetime.now(UTC),
        ended=None,
        strategy=BACK if back_to else place.environment.plan(),
        state=START,
        previous=serving.release if serving else None,
    )
    place.ledger.add(entry)
    return entry


def earlier(place: Place, to: str) -> Entry:
    """Return the entry of a release that served: by number, by version, or the previous one.

    Raises:
        FailedError: there is none, or it serves already.
    """
    entries = place.ledger.entries()
    served = [entry for entry in entries if entry.phase is Phase.DEPLOYED]
    now = served[-1].release if served else None
    others = [entry for entry in served if entry.release != now]
    named = [e for e in served if to in (str(e.release), e.version, f"v{e.version}")]
    if not to and others:
        return others[-1]
    if to and named and named[-1].release != now:
        return named[-1]
    if to and named:
        msg = f"{to} serves {place.name} already"
    elif to:
        msg = f"{to} never served {place.name}: see `inv history {place.name}`"
    else:
        msg = f"nothing else has served {place.name} yet: see `inv history {place.name}`"
    raise FailedError(msg)


def conclude(place: Place, run: Run, state: State | None = None) -> Code:
    """Bring a run to its end, and tell it: here, in the job's summary, and to who wants to know.

    It goes on from where its entry is, or from another state.
    """
    entry = run.drive(state)
    text = told(place, entry)
    say(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        from tabulate import tabulate  # noqa: PLC0415  # it takes 0.2 s

        table = tabulate(run.steps, ("phase", "seconds", ""), "github", floatfmt=".1f")
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n\n{table}\n\n")
    if entry.phase is not Phase.HELD:
        name = project()["project"]["name"]
        notify.send(notify.message(name, place.name, entry, version_before(place, entry)))
    return CODES.get(entry.phase, Code.DONE)


def told(place: Place, entry: Entry) -> str:
    """Return in one sentence what became of an entry."""
    version, name, reason = entry.version, place.name, entry.reason
    match entry.phase:
        case Phase.DEPLOYED if entry.action == "rollback":
            return f"{name} serves {version} again: rolled back in {entry.seconds:.0f} s"
        case Phase.DEPLOYED:
            return f"{name} serves {version}: deployed in {entry.seconds:.0f} s"
        case Phase.REFUSED:
            return f"{version} was not deployed to {name}, and nothing was touched: {reason}"
        case Phase.FAILED:
            before = version_before(place, entry)
            serves = f"{before} serves" if before else "nothing served before it"
            why = reason.removeprefix("failed: ")  # as a gate says it
            return f"{version} failed on {name}, and {serves}: {why}"
        case Phase.HELD:
            share = entry.share
            then = f"`inv promote {name}` or `inv abort {name}`"
            return f"{version} is held at {share} % of the traffic of {name}: {then}"
        case _:
            return f"{version} is stuck on {name} and needs a person: {reason}"


def version_before(place: Place, entry: Entry) -> str:
    """Return the version that served until an entry began; empty for none."""
    if entry.previous is None:
        return ""
    try:
        return place.ledger.release(entry.previous).version
    except FailedError:  # what has become of an entry is told, though the target is out of reach
        return f"release {entry.previous}"
