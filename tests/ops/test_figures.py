"""The four delivery figures, out of what a ledger has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops.figures import Figures, duration, figures
from ops.ledger import Entry
from ops.model import Kind, Strategy
from ops.rollout import ENDED, Phase, State
from pipeline.shell import FailedError

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def deployment(number: int, hours_ago: float, **values: Any) -> Entry:
    """Return an entry of the ledger; that many hours ago, it took two minutes.

    `waited` are the hours from the commit to its beginning, None where nobody knows.
    """
    began = NOW - timedelta(hours=hours_ago)
    phase = values.pop("phase", Phase.DEPLOYED)
    waited = values.pop("waited", 3)
    known: dict[str, Any] = {
        "number": number,
        "action": "deploy",
        "release": number,
        "version": "1.2.3",
        "image": "registry.example/my-service@sha256:1",
        "commit": str(number),
        "committed": None if waited is None else began - timedelta(hours=waited),
        "who": "somebody",
        "origin": "desk",
        "began": began,
        "ended": began + timedelta(minutes=2) if phase in ENDED else None,
        "strategy": Strategy(Kind.ROLLING, (0, 100)),
        "state": State(phase, reason=values.pop("reason", "")),
        "previous": None,
    }
    return Entry(**known | values)


def rollback(number: int, hours_ago: float, previous: int, to: int) -> Entry:
    """Return a roll-back that worked."""
    return deployment(number, hours_ago, action="rollback", previous=previous, release=to)


def test_without_deployments_there_is_nothing_to_tell() -> None:
    nothing = figures([], NOW)
    assert nothing == Figures(30, 0, 0, 0.0, None, None, None)
    assert str(nothing).splitlines()[2:] == [
        "deployment frequency   0.0 a week",
        "lead time for changes  no data",
        "change failure rate    no data (0 of 0)",
        "time to restore        no data",
    ]
    assert figures([deployment(1, 1, phase=Phase.WATCHING)], NOW) == nothing


def test_a_month_is_told_in_four_figures() -> None:
    entries = [
        deployment(1, 24 * 40, commit="old"),  # too long ago
        deployment(2, 24 * 20, commit="a", previous=1, waited=2),
        deployment(3, 24 * 19, phase=Phase.FAILED, commit="b", previous=2),  # back after 2 minutes
        deployment(4, 24 * 18, commit="c", previous=2, waited=4),
        rollback(5, 24 * 18 - 1, previous=4, to=2),  # an hour later
        deployment(6, 24 * 10, commit="a", previous=2, waited=500),  # once more: delivers nothing
        deployment(7, 24 * 9, commit="d", previous=6, waited=6),
        deployment(8, 24 * 8, phase=Phase.STUCK, commit="e", previous=7),
        deployment(9, 24 * 8 - 5, commit="f", previous=8, waited=None),  # a person's work
        deployment(10, 2, phase=Phase.REFUSED, commit="g", previous=9),  # no deployment
        deployment(11, 1, phase=Phase.WATCHING, commit="g", previous=9),
    ]

    told = figures(entries, NOW)

    assert (told.deployments, told.failed) == (7, 3)
    assert told.failure_rate == 3 / 7
    assert told.per_day == 5 / 30
    assert told.lead_time == 4 * 3600 + 120
    assert told.restore_time == 3600  # of 2 minutes, an hour, and 5 hours
    assert told.as_json()["days"] == 30
    assert str(told).splitlines()[2:] == [
        "deployment frequency   1.2 a week",
        "lead time for changes  4.0 h",
        "change failure rate    43% (3 of 7)",
        "time to restore        60.0 min",
    ]
    assert figures(entries, NOW, days=5).deployments == 0
    assert figures(entries, NOW, days=60).deployments == 8


def test_a_rollback_of_a_rollback_says_nothing_against_what_it_leaves() -> None:
    entries = [
        deployment(1, 50, commit="a"),
        deployment(2, 40, commit="b", previous=1),
        rollback(3, 30, previous=2, to=1),
        rollback(4, 20, previous=1, to=2),
    ]
    told = figures(entries, NOW)
    assert (told.deployments, told.failed) == (2, 1)
    assert told.restore_time == 10 * 3600  # from when 2 served until 1 served again


def test_a_first_deployment_that_failed_is_restored_by_the_next() -> None:
    failed = deployment(1, 5, phase=Phase.FAILED)
    assert figures([failed], NOW).restore_time is None
    assert figures([failed, deployment(2, 4, commit="b")], NOW).restore_time == 3600 + 120


@given(
    st.lists(
        st.tuples(st.sampled_from(Phase), st.booleans(), st.integers(0, 9), st.floats(0, 900)),
        max_size=12,
    )
)
def test_whatever_happened_the_figures_are_possible(
    happened: list[tuple[Phase, bool, int, float]],
) -> None:
    entries = [
        deployment(
            number,
            hours,
            phase=phase,
            action="rollback" if back else "deploy",
            release=1 if back else number,
            previous=other or None,
            commit=str(other),
        )
        for number, (phase, back, other, hours) in enumerate(happened, 1)
    ]
    told = figures(entries, NOW)

    assert 0 <= told.failed <= told.deployments <= len(entries)
    assert told.failure_rate is None or 0 <= told.failure_rate <= 1
    assert (told.failure_rate is None) == (told.deployments == 0)
    assert "deployment frequency" in str(told)


def test_durations_are_said_as_people_do() -> None:
    said = [duration(seconds) for seconds in (0.4, 43, 119, 120, 7200, 86_400 * 3, None)]
    assert said == ["0 s", "43 s", "119 s", "2.0 min", "2.0 h", "3.0 days", "no data"]


def test_over_no_days_there_is_nothing_to_tell() -> None:
    with pytest.raises(FailedError, match=r"days must be at least 1 \(got 0\)"):
        figures([], NOW, 0)
