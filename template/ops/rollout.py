"""The state machine of a deployment: what happens next, given what is observed. Nothing else.

Each phase has one action, which `ops.deployment` carries out; what comes of it is an `Event`; and
`advance` says which phase is next. It ends in one of four phases, whatever happens:

- `REFUSED`: nothing was touched.
- `DEPLOYED`: the new release has all of the traffic.
- `FAILED`: the previous one has, again or still.
- `STUCK`: nobody knows, and a person has to look.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ops.model import Progress, Strategy


class Phase(StrEnum):
    """Where a deployment is; as a word, what it is doing."""

    PENDING = "checking"
    BEGINNING = "starting"
    SETTLING = "waiting until ready"
    SMOKING = "trying"
    WATCHING = "watching"
    HELD = "held"
    PROMOTING = "promoting"
    FINISHING = "finishing"
    ABORTING = "going back"
    RESTORING = "waiting until restored"
    REFUSED = "refused"
    DEPLOYED = "deployed"
    FAILED = "failed"
    STUCK = "stuck"


ENDED = frozenset({Phase.REFUSED, Phase.DEPLOYED, Phase.FAILED, Phase.STUCK})


@dataclass(frozen=True)
class Done:
    """What the phase does is done; of a gate, it passed."""


@dataclass(frozen=True)
class Trouble:
    """It cannot be done, was refused, took too long, showed nothing, or somebody asked to stop."""

    reason: str


Event = Done | Trouble | Progress


@dataclass(frozen=True)
class State:
    """Where a deployment is."""

    phase: Phase
    stop: int = 0
    """Which of the strategy's shares."""
    reason: str = ""
    """What went wrong, where something did."""
    stuck_in: Phase | None = None
    """What could not be done, where a person has to look."""


START = State(Phase.PENDING)


def advance(state: State, event: Event, strategy: Strategy, *, hold: bool = False) -> State:
    """Return what comes next.

    Args:
        state: where the deployment is; none that has ended.
        event: what came of the action of that phase.
        strategy: the stops on the way.
        hold: stay at each stop but the last until somebody promotes.
    """
    if isinstance(event, Progress):
        if event.failed:
            event = Trouble(event.failed)
        elif state.phase is Phase.WATCHING:
            return state if event.settled else _wrong(state, f"no longer ready: {event}")
        elif not event.settled:
            return state
        else:
            event = Done()
    if isinstance(event, Trouble):
        return _wrong(state, event.reason)
    return _right(state, strategy, hold=hold)


NEXT = {
    Phase.PENDING: Phase.BEGINNING,
    Phase.BEGINNING: Phase.SETTLING,
    Phase.HELD: Phase.PROMOTING,
    Phase.PROMOTING: Phase.SETTLING,
    Phase.FINISHING: Phase.DEPLOYED,
    Phase.ABORTING: Phase.RESTORING,
    Phase.RESTORING: Phase.FAILED,
}


def _right(state: State, strategy: Strategy, *, hold: bool) -> State:
    if state.phase in NEXT:
        phase = NEXT[state.phase]
    elif state.phase is Phase.SETTLING and strategy.is_gated and state.stop == 0:
        phase = Phase.SMOKING
    elif state.phase in (Phase.SETTLING, Phase.SMOKING) and strategy.is_watched(state.stop):
        phase = Phase.WATCHING
    elif state.phase not in (Phase.SETTLING, Phase.SMOKING, Phase.WATCHING):
        msg = f"nothing comes after {state.phase.name}"
        raise ValueError(msg)
    elif state.stop == len(strategy.shares) - 1:
        phase = Phase.FINISHING
    else:
        phase = Phase.HELD if hold else Phase.PROMOTING
    stop = state.stop + 1 if phase is Phase.PROMOTING else state.stop
    return replace(state, phase=phase, stop=stop)


def _wrong(state: State, reason: str) -> State:
    match state.phase:
        case Phase.PENDING:
            phase = Phase.REFUSED
        case Phase.ABORTING | Phase.RESTORING | Phase.FINISHING:
            phase = Phase.STUCK
        case phase if phase in ENDED:
            msg = f"nothing comes after {state.phase.name}"
            raise ValueError(msg)
        case _:
            phase = Phase.ABORTING
    reasons = [state.reason, reason] if state.reason else [reason]
    stuck_in = state.phase if phase is Phase.STUCK else None
    return replace(state, phase=phase, reason="; then ".join(reasons), stuck_in=stuck_in)


def recover(state: State) -> State:
    """Return where to go on from for a deployment whose process is gone."""
    reason = state.reason or f"interrupted while {state.phase}"
    match state.phase:
        case Phase.PENDING:
            return replace(state, phase=Phase.REFUSED, reason=reason)
        case Phase.FINISHING:
            return state  # it has passed everything, and has all of the traffic
        case Phase.STUCK if state.stuck_in is Phase.FINISHING:
            return replace(state, phase=Phase.FINISHING, stuck_in=None)
        case Phase.HELD | Phase.REFUSED | Phase.DEPLOYED | Phase.FAILED:
            return state  # nobody was at work
        case _:
            return replace(state, phase=Phase.ABORTING, reason=reason, stuck_in=None)
