"""The state machine alone: every state that can be reached, under everything that can be seen."""

from collections import deque
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ops.model import BACK, WHOLE, Kind, Progress, Strategy
from ops.rollout import ENDED, START, Done, Event, Phase, State, Trouble, advance, recover

STRATEGIES = {
    "rolling": Strategy(Kind.ROLLING, (0, WHOLE)),
    "blue-green": Strategy(Kind.BLUE_GREEN, (0, WHOLE)),
    "canary": Strategy(Kind.CANARY, (0, 10, 50, WHOLE)),
    "rollback": BACK,
}
GOOD = Progress(share=0, ready=2, desired=2, settled=True)
SLOW = Progress(share=0, ready=1, desired=2, settled=False)
DEAD = Progress(share=0, ready=0, desired=2, settled=False, failed="it crashes")
EVENTS: tuple[Event, ...] = (Done(), Trouble("trouble"), GOOD, SLOW, DEAD)
WAITS = frozenset({Phase.SETTLING, Phase.WATCHING, Phase.RESTORING})
"""The phases that look at the target; the others do something, and it is done or it is not."""
UNDONE = (Phase.ABORTING, Phase.RESTORING)


def events(phase: Phase) -> tuple[Event, ...]:
    """Return what can come of a phase."""
    if phase is Phase.WATCHING:
        return EVENTS
    return (
        (GOOD, SLOW, DEAD, Trouble("trouble")) if phase in WAITS else (Done(), Trouble("trouble"))
    )


def plain(state: State) -> State:
    """Return a state without its words, of which there are endless ones."""
    return replace(state, reason="trouble" if state.reason else "")


def reachable(strategy: Strategy, *, hold: bool) -> dict[State, set[State]]:
    """Return every state that can be reached, killed anywhere or not, with what can follow it."""
    found: dict[State, set[State]] = {}
    left = deque([START])
    while left:
        state = left.popleft()
        if state in found:
            continue
        seen = []
        if state.phase not in ENDED:
            seen = [advance(state, event, strategy, hold=hold) for event in events(state.phase)]
        found[state] = {plain(each) for each in seen} - {state}
        left.extend(found[state] | {plain(recover(state))})
    return found


every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


@every_strategy
@pytest.mark.parametrize("hold", [False, True], ids=["through", "held"])
def test_it_always_ends(strategy: Strategy, *, hold: bool) -> None:
    states = reachable(strategy, hold=hold)
    assert {state.phase for state in states if not states[state]} == {
        Phase.REFUSED,
        Phase.DEPLOYED,
        Phase.FAILED,
        Phase.STUCK,
    }, "what nothing follows has ended"
    # They are in the order of a deployment, and each stop begins with a promotion. So no step leads
    # back, and none in a circle.
    order = [Phase.PROMOTING, *(phase for phase in Phase if phase is not Phase.PROMOTING)]
    for state, following in states.items():
        for each in following:
            onward = (each.stop, order.index(each.phase)) > (state.stop, order.index(state.phase))
            assert onward, f"{state} is followed by {each}"


@every_strategy
def test_what_goes_wrong_is_undone_once_something_was_touched(strategy: Strategy) -> None:
    for state in reachable(strategy, hold=False):
        if state.phase in ENDED:
            continue
        after = advance(state, Trouble("no"), strategy)
        match state.phase:
            case Phase.PENDING:
                assert after.phase is Phase.REFUSED
            case Phase.ABORTING | Phase.RESTORING | Phase.FINISHING:
                assert after.phase is Phase.STUCK
                assert after.stuck_in is state.phase
            case _:
                assert after.phase is Phase.ABORTING
        assert after.reason.endswith("no")


@every_strategy
def test_nothing_is_deployed_that_was_not_looked_at_at_every_stop(strategy: Strategy) -> None:
    trail, state = [], START
    while state.phase not in ENDED:
        trail.append((state.phase, state.stop))
        state = advance(state, GOOD if state.phase is Phase.SETTLING else Done(), strategy)
    assert state.phase is Phase.DEPLOYED
    stops = range(len(strategy.shares))
    assert [stop for phase, stop in trail if phase is Phase.SETTLING] == list(stops)
    watched = [stop for phase, stop in trail if phase is Phase.WATCHING]
    smoked = [stop for phase, stop in trail if phase is Phase.SMOKING]
    if strategy is BACK:
        assert not watched
        assert not smoked
    else:
        assert smoked == [0], "it is tried before anybody is sent to it"
        assert watched == [stop for stop in stops if strategy.shares[stop]]


@pytest.mark.parametrize(
    "seen", [SLOW, DEAD, Trouble("2 % errors")], ids=["slow", "dead", "errors"]
)
def test_what_was_ready_and_is_no_more_is_undone(seen: Event) -> None:
    after = advance(State(Phase.WATCHING), seen, STRATEGIES["rolling"])
    assert after.phase is Phase.ABORTING
    assert after.reason in (
        "no longer ready: 1 of 2 ready, 0 % of the traffic",
        "it crashes",
        "2 % errors",
    )


def test_a_state_that_has_ended_is_not_followed() -> None:
    for phase in (Phase.REFUSED, Phase.DEPLOYED, Phase.FAILED):
        for event in (Done(), Trouble("no")):
            with pytest.raises(ValueError, match="nothing comes after"):
                advance(State(phase), event, BACK)
        assert recover(State(phase)) == State(phase)


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (State(Phase.PENDING), Phase.REFUSED),
        (State(Phase.BEGINNING), Phase.ABORTING),
        (State(Phase.SETTLING), Phase.ABORTING),
        (State(Phase.SMOKING), Phase.ABORTING),
        (State(Phase.WATCHING, 1), Phase.ABORTING),
        (State(Phase.PROMOTING, 1), Phase.ABORTING),
        (State(Phase.ABORTING), Phase.ABORTING),
        (State(Phase.RESTORING), Phase.ABORTING),
        (State(Phase.STUCK, stuck_in=Phase.RESTORING), Phase.ABORTING),
        (State(Phase.FINISHING, 1), Phase.FINISHING),
        (State(Phase.STUCK, 1, stuck_in=Phase.FINISHING), Phase.FINISHING),
        (State(Phase.HELD, 1), Phase.HELD),
    ],
    ids=lambda value: value.phase.name if isinstance(value, State) else value.name,
)
def test_who_was_killed_is_put_right(state: State, then: Phase) -> None:
    found = recover(state)
    assert found.phase is then
    if then in (Phase.ABORTING, Phase.REFUSED):
        assert found.reason == f"interrupted while {state.phase}"
    assert found.stuck_in is None


class Deployments(RuleBasedStateMachine):
    """A target that does what it is told, in a world where everything else goes wrong.

    It counts what serves, which the machine does not know.
    """

    def __init__(self) -> None:
        super().__init__()
        self.old, self.new = True, False
        """Whether all instances of it are there and ready."""
        self.mixed = False
        """Whether all instances are there and ready, of both together."""
        self.share = 0
        self.promoted = {"old"}
        self.state = State(Phase.DEPLOYED)
        self.strategy = BACK
        self.steps = 0

    @property
    def over(self) -> bool:
        return self.state.phase in ENDED - {Phase.STUCK}

    @precondition(lambda self: self.over)
    @rule(strategy=st.sampled_from(list(STRATEGIES.values())))
    def start(self, strategy: Strategy) -> None:
        self.old, self.mixed, self.new, self.share = True, False, False, 0
        self.promoted = {"old"}
        self.state, self.strategy, self.steps = START, strategy, 0

    @precondition(lambda self: not self.over)
    @rule(data=st.data(), hold=st.booleans(), killed=st.integers(0, 30))
    def go_on(self, data: st.DataObject, killed: int, *, hold: bool) -> None:
        if killed == 0 or self.state.phase is Phase.STUCK:  # the next run finds it
            self.state = recover(self.state)
            return
        self.steps += 1
        well = GOOD if self.state.phase in WAITS - {Phase.WATCHING} else Done()
        seen = data.draw(st.one_of(st.just(well), st.sampled_from(events(self.state.phase))))
        if seen == Done() or self.state.phase in WAITS:
            self.carry_out(seen)
        if self.state.phase is Phase.WATCHING and isinstance(seen, Done):
            assert self.share, "what gets no traffic shows nothing"
        self.state = advance(self.state, seen, self.strategy, hold=hold)

    def carry_out(self, seen: Event) -> None:
        """Do what the target does when the phase's action succeeds."""
        match self.state.phase:
            case Phase.SETTLING | Phase.WATCHING if isinstance(seen, Progress):
                self.new = seen.settled
            case Phase.PROMOTING:
                self.share = self.strategy.shares[self.state.stop]
                # One by one, with none less than before.
                self.mixed = self.strategy.kind is Kind.ROLLING
                self.old = not self.mixed
            case Phase.FINISHING:
                self.old = self.mixed = False
                self.promoted = {"new"}
            case Phase.ABORTING:
                self.old, self.mixed, self.share = True, False, 0
            case _:
                pass

    @invariant()
    def something_always_serves(self) -> None:
        if self.state.phase is Phase.DEPLOYED and self.steps:
            assert self.share == WHOLE
            assert self.new
        else:
            assert self.old or self.mixed or self.promoted == {"new"}
        if not self.old and not self.mixed:
            assert self.new, "the old one is gone, and the new one is not there"

    @invariant()
    def one_is_promoted(self) -> None:
        assert len(self.promoted) == 1
        if self.state.phase is Phase.FAILED:
            assert self.promoted == {"old"}
            assert self.share == 0
        if self.promoted == {"new"}:
            assert self.state.phase in (Phase.FINISHING, Phase.DEPLOYED, Phase.STUCK)

    @invariant()
    def nobody_meets_what_was_not_tried(self) -> None:
        if self.state.phase in (Phase.BEGINNING, Phase.SMOKING):
            assert self.share == 0


Deployments.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestDeployments = Deployments.TestCase
