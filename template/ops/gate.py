"""Gates: what a release has to show before it goes on. They pass, fail, or have no data.

No data never passes. What decides is pure; what asks stands around it.
"""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import httpx
from packaging.version import InvalidVersion, Version

from ops.credentials import bearer
from ops.load import Load, reason, to_service
from ops.model import Environment, Watch
from ops.rollout import Done, Trouble
from ops.traffic import VARIABLE, Own, Prometheus, Seen, counted
from pipeline.shell import FailedError, read

SLOW = 0.01
"""The share of requests that may take longer than `watch.latency`."""
STALE = 90.0
"""Seconds at the end of a watch, at most, of which nothing need be known: a scrape or two."""
PAUSE = 1.0
"""Seconds between two looks."""
LAST_LINES = 15


class Result(StrEnum):
    """What a gate says."""

    PASS = "passed"
    FAIL = "failed"
    NO_DATA = "no data"


@dataclass(frozen=True)
class Verdict:
    """What a gate says, and why, with the numbers."""

    result: Result
    reason: str

    @property
    def event(self) -> Done | Trouble:
        """What it is to the state machine."""
        return Done() if self.result is Result.PASS else Trouble(str(self))

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.result}: {self.reason}"


def check(environment: Environment) -> None:
    """Find out that the gates of an environment can be asked at all.

    Raises:
        FailedError: with a sentence for each thing that is missing, or a token is none.
    """
    place = f"deploy/environments.toml: {environment.name}"
    wrong = [
        f"{name} is not set, and {place}.smoke takes a token from it: set it"
        for name in missing_tokens(environment)
    ]
    if not environment.watch.prometheus and not counted(environment):
        wrong.append(
            f"{place}.smoke has only probes, which are no traffic to watch: "
            "add a request that users make, or set watch.prometheus"
        )
    if wrong:
        raise FailedError("\n".join(wrong))
    bearer(VARIABLE)


def missing_tokens(environment: Environment) -> Sequence[str]:
    """Return the environment variables that smoke requests need, and that are not set."""
    names = dict.fromkeys(request.token for request in environment.smoke if request.token)
    return [name for name in names if not bearer(name)]


def smoke(environment: Environment, url: str, version: str) -> Verdict:
    """Return whether every smoke request is answered below 400, and by the version expected."""
    requests = environment.smoke
    called = environment.called
    with Load(url, requests, concurrency=1, total=len(requests), called=called) as load:
        load.wait()
    wrong = [
        f"{request.method} {request.path}: {answer.trouble}"
        for request, answer in zip(requests, load.answers, strict=True)
        if answer.trouble
    ]
    if not wrong:
        served, trouble = version_at(url)
        problem = trouble or mismatch(served, version)
        wrong = [f"GET /health: {problem}"] if problem else []
    if wrong:
        return Verdict(Result.FAIL, "; ".join(wrong))
    longest = max(answer.seconds for answer in load.answers)
    said = f"{len(requests)} requests answered in at most {longest * 1000:.0f} ms by {served}"
    return Verdict(Result.PASS, said)


def version_at(url: str) -> tuple[str, str]:
    """Return the version that `/health` says, and what is wrong with the answer, if something."""
    try:
        with httpx.Client(**to_service(url)) as client:
            response = client.get("/health")
            return str(response.json()["version"]), ""
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return "", reason(error)
    except (ValueError, KeyError, TypeError):
        return "", f"status {response.status_code}, and no version in it"


def mismatch(served: str, expected: str) -> str:
    """Return what is wrong with the version served; a name like `main` cannot be compared."""
    try:
        wanted, given = Version(expected), Version(served)
    except InvalidVersion:
        return ""
    if given == wanted or (not wanted.local and given.public == wanted.public):
        return ""
    return f"{served} answers, {expected} should"


def integration(environment: Environment, url: str) -> Verdict:
    """Return whether tests/integration passes against a URL; it may take `deadline` seconds."""
    command = (sys.executable, "-m", "pytest", "tests/integration", "--quiet", "--color=no")
    try:
        # Ctrl-C at a terminal ends it, too.
        said = read(*command, env={"SERVICE": url}, seconds=environment.deadline)
    except FailedError as error:
        lines = [line for line in error.said.splitlines() if line.strip()][-LAST_LINES:]
        told = "\n".join(["tests/integration:", *lines]) if lines else str(error)
        return Verdict(Result.FAIL, told)
    return Verdict(Result.PASS, f"tests/integration: {said.splitlines()[-1]}")


def judge(watch: Watch, seen: Seen, elapsed: float) -> Verdict | None:
    """Return what it comes to after so many seconds; None as long as there is nothing to say.

    A share is of the requests seen, or of `watch.requests` as long as there are fewer.
    """
    of = max(seen.requests, watch.requests)
    for number, limit, what in (
        (seen.errors, watch.error_rate, "failed"),
        (seen.slow, SLOW, f"took longer than {watch.latency:g} s"),
    ):
        if number / of > limit:
            share = f"{min(number / max(seen.requests, 1), 1):.2%} {what}, {limit:.2%} may"
            return Verdict(Result.FAIL, f"{share}: {seen}")
    if elapsed < watch.seconds:
        return None
    if elapsed - seen.until > min(watch.seconds / 2, STALE):
        unknown = f"nothing is known of the last {elapsed - seen.until:.0f} s"
        return Verdict(Result.NO_DATA, f"{unknown}: {seen.trouble or seen}")
    if seen.requests < watch.requests:
        return Verdict(Result.NO_DATA, f"{watch.requests} requests are needed: {seen}")
    return Verdict(Result.PASS, f"{seen} in {elapsed:.0f} s")


class Watcher:
    """A look at a release under traffic, from now on.

        with closing(Watcher(environment, release.number, url)) as watcher:
            while (verdict := watcher.step()) is None:
                ...

    A step takes seconds at most, also where nobody answers.
    """

    def __init__(self, environment: Environment, release: int, url: str = "") -> None:
        """Begin.

        Args:
            environment: what to look at, and for how long.
            release: the release's number.
            url: straight to the release, where no Prometheus is named.
        """
        self._watch = environment.watch
        self._source = (
            Prometheus(self._watch, release) if self._watch.prometheus else Own(environment, url)
        )
        self._began = time.monotonic()
        self._looked = -math.inf
        self._seen = Seen()

    def step(self) -> Verdict | None:
        """Look, unless somebody just did; return the verdict as soon as it is certain."""
        elapsed = time.monotonic() - self._began
        if elapsed - self._looked < PAUSE and elapsed < self._watch.seconds:
            return None
        self._seen = self._source.look(elapsed)
        self._looked = elapsed
        return judge(self._watch, self._seen, elapsed)

    def __str__(self) -> str:
        """Say how far it is."""
        far = f"{max(self._looked, 0):.0f} of {self._watch.seconds:.0f} s: {self._seen}"
        return f"{far} ({self._seen.trouble})" if self._seen.trouble else far

    def close(self) -> None:
        """End it."""
        self._source.close()
