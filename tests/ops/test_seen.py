"""What a cluster tells is understood, also what no test can wait for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ops.model import BACK, Kind, Release, Rollout, Strategy
from ops.targets.kubernetes.seen import NOWHERE, SHARED, Seen, Slot, hopeless, replicas_for

CANARY = Strategy(Kind.CANARY, (0, 1, 10, 34, 50, 100))
ROLLING = Strategy(Kind.ROLLING, (0, 100))
ONE, TWO = (Release(number, "", "", "") for number in (1, 2))


def pod(**container: Any) -> dict[str, Any]:
    plain = {"name": "app", "restartCount": 0, "state": {"running": {}}, "lastState": {}}
    return {
        "metadata": {"name": "pod-1", "labels": {"release": "2"}},
        "status": {"containerStatuses": [{**plain, **container}]},
    }


def ended(code: int, said: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": said, "reason": reason}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "because"}}


@pytest.mark.parametrize(
    ("found", "on_trial", "proved"),
    [
        (pod(), "", ""),
        (pod(state=waiting("ContainerCreating")), "", ""),
        (pod(state=waiting("ErrImagePull")), "", ""),  # it is tried again
        (pod(state=waiting("ImagePullBackOff")), "ImagePullBackOff: because", "ImagePullBackOff"),
        (pod(state=ended(1, "a\nb\n")), "ended with status 1 (Error): a / b", ""),
        (pod(restartCount=1, lastState=ended(137, reason="OOMKilled")), "137 (OOMKilled)", ""),
        (pod(restartCount=1, lastState=ended(0, reason="Completed")), "status 0 (Completed)", ""),
        (
            pod(restartCount=3, state=waiting("CrashLoopBackOff"), lastState=ended(2, "no")),
            "ended with status 2 (Error): no",
            "ended with status 2 (Error): no",
        ),
    ],
)
def test_one_end_is_enough_on_trial_and_a_loop_always(
    found: dict[str, Any], on_trial: str, proved: str
) -> None:
    for strict, reason in [(True, on_trial), (False, proved)]:
        told = hopeless(found, strict=strict)
        assert (reason in told) if reason else not told


def test_a_pod_may_wait_for_a_node_for_a_while() -> None:
    since = (datetime.now(UTC) - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    found = pod()
    found["status"]["conditions"] = [{**condition, "lastTransitionTime": since, "message": "full"}]
    assert not hopeless(found, strict=True, patience=120)
    assert hopeless(found, strict=True, patience=30) == "pod pod-1 finds no node: full"


def test_a_canary_is_a_ratio_beside_all_of_the_old() -> None:
    def replicas(whole: int) -> list[int]:
        canary = Rollout(TWO, ONE, CANARY)
        stops = range(len(CANARY.shares))
        return [replicas_for(Rollout(canary.release, ONE, CANARY, n), whole) for n in stops]

    assert replicas(1) == [1, 1, 1, 1, 1, 1]
    assert replicas(2) == [1, 1, 1, 2, 2, 2]
    assert replicas(10) == [1, 1, 2, 6, 10, 10]
    assert [replicas_for(Rollout(ONE, None, CANARY, n), 3) for n in (0, 2, 5)] == [3, 3, 3]


def slot(number: int) -> Slot:
    return Slot({"metadata": {"labels": {"release": str(number)}}}, [])


def test_a_release_goes_beside_the_live_one_and_one_that_is_rolling_then_in_its_place() -> None:
    nothing = Seen({}, None, NOWHERE)
    one = Seen({"green": slot(1)}, "green", "green")
    both = Seen({"green": slot(1), "blue": slot(2)}, "green", SHARED)
    assert nothing.to(Rollout(ONE, None, CANARY)) == "blue"
    assert one.to(Rollout(TWO, ONE, CANARY)) == "blue"
    assert one.to(Rollout(TWO, ONE, ROLLING)) == "blue"
    assert one.to(Rollout(TWO, ONE, ROLLING, 1)) == "green"
    assert one.to(Rollout(ONE, TWO, BACK)) == "green"
    assert both.to(Rollout(TWO, ONE, CANARY)) == "blue"
    assert both.back(Rollout(TWO, ONE, CANARY)) == "green"
    in_place = Seen({"green": slot(2)}, "green", "green")
    assert in_place.back(Rollout(TWO, ONE, ROLLING, 1)) == "green"


def test_who_goes_back_does_not_take_where_the_live_one_was_tried_for_it() -> None:
    tried_and_live = Seen({"blue": slot(1), "green": slot(1)}, "green", "green")
    assert tried_and_live.back(Rollout(TWO, ONE, ROLLING)) == "green"


def test_what_was_evicted_is_no_instance_any_more() -> None:
    labels = {"slot": "blue", "release": "1"}
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "notes-blue", "labels": labels},
    }
    pods = [
        {
            "kind": "Pod",
            "metadata": {"name": f"pod-{phase}", "labels": labels},
            "status": {"phase": phase, "reason": "Evicted"},
        }
        for phase in ("Running", "Failed", "Pending", "Succeeded")
    ]
    found = Seen.of([deployment, *pods], "notes").slots["blue"]
    assert [each["metadata"]["name"] for each in found.own] == ["pod-Running", "pod-Pending"]


def test_the_traffic_goes_where_the_stop_wants_it() -> None:
    both = Seen({"green": slot(1), "blue": slot(2)}, "green", "green")
    assert both.route_for(Rollout(TWO, ONE, CANARY, 0)) == "green"
    assert both.route_for(Rollout(TWO, ONE, CANARY, 1)) == SHARED
    assert both.route_for(Rollout(TWO, ONE, CANARY, 5)) == "blue"
    first = Seen({"blue": slot(1)}, "blue", NOWHERE)
    assert first.route_for(Rollout(ONE, None, CANARY, 0)) == NOWHERE
    assert first.route_for(Rollout(ONE, None, CANARY, 1)) == "blue"
    assert both.stranger(Rollout(TWO, None, CANARY)) == 1
    assert both.stranger(Rollout(TWO, ONE, CANARY)) == 0
