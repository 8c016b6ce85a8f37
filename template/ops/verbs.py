"""What the tasks do: each opens an environment, and ends with a code and at most one sentence."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper

from invoke.exceptions import Exit

from ops import deployment, dispatch, figures, health, ledger, load, overview
from ops.deployment import Code
from ops.lock import LockedError, LostError
from ops.lock import unlock as take_away
from ops.model import Request, read_environments
from ops.place import Place
from pipeline.image import source
from pipeline.shell import FailedError


@contextmanager
def answering() -> Iterator[None]:
    """End the process with one sentence and the right code, whatever goes wrong."""
    if isinstance(sys.stdout, TextIOWrapper):  # a word that its encoding lacks stops nothing
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except LockedError as error:
        raise Exit(f"locked: {error}", code=Code.LOCKED) from None
    except LostError as error:
        raise Exit(str(error), code=Code.STUCK) from None
    except FailedError as error:
        raise Exit(str(error), code=Code.REFUSED) from None


def end(code: int) -> None:
    """End the process with a code, unless it is 0."""
    if code:
        raise Exit(code=code)


def confirm(place: Place, doing: str, *, yes: bool) -> None:
    """Ask a person, where the environment wants that.

    Raises:
        FailedError: the answer is not the environment's name, or there is nobody to ask.
    """
    if yes or not place.environment.confirm:
        return
    if not sys.stdin.isatty():
        msg = f"{place.name} asks for confirmation, and there is no terminal to ask at: --yes"
        raise FailedError(msg)
    try:
        answer = input(f"About to {doing}. Type {place.name} to go on: ")
    except EOFError:
        answer = ""
    if answer.strip() != place.name:
        msg = "not confirmed, so nothing was touched"
        raise FailedError(msg)


def deploy(environment: str, version: str, *, dry_run: bool, hold: bool, yes: bool) -> None:
    """Bring a release to an environment, or tell what that would do."""
    with answering():
        place = Place.open(environment, dry_run=dry_run)
        if dry_run:
            deployment.rehearse(place, version)
            return
        confirm(place, f"deploy {version} to {environment}", yes=yes)
        end(deployment.deploy(place, version, hold=hold))


def rollback(environment: str, to: str, *, yes: bool) -> None:
    """Serve an earlier release again."""
    with answering():
        place = Place.open(environment)
        confirm(place, f"roll {environment} back{f' to {to}' if to else ''}", yes=yes)
        end(deployment.rollback(place, to))


def promote(environment: str, *, hold: bool) -> None:
    """Let a release that is held go on."""
    with answering():
        end(deployment.promote(Place.open(environment), hold=hold))


def abort(environment: str) -> None:
    """Take back a deployment."""
    with answering():
        end(deployment.abort(Place.open(environment)))


def unlock(environment: str, *, yes: bool) -> None:
    """Take the lock from whoever holds it."""
    with answering():
        place = Place.open(environment)
        confirm(place, f"unlock {environment}", yes=yes)
        lease = take_away(place.target.store)
    print(f"It was held by {lease}." if lease else "Nobody held it.")


def status(environment: str) -> None:
    """Print what serves."""
    with answering():
        print(overview.status(Place.open(environment)))


def history(environment: str, number: int, *, as_json: bool) -> None:
    """Print what was deployed."""
    with answering():
        print(overview.history(Place.open(environment), number, as_json=as_json))


def delivery(environment: str, days: int, *, as_json: bool) -> None:
    """Print the delivery figures."""
    with answering():
        found = figures.figures(Place.open(environment).ledger.entries(), datetime.now(UTC), days)
    print(json.dumps(found.as_json()) if as_json else found)


def examine(environment: str) -> None:
    """Print how the environment is; end with 1 if it is not well."""
    with answering():
        place = Place.open(environment)
        instances, serving = place.target.instances(), ledger.live(place.ledger.entries())
        expected = place.ledger.release(serving.release).serves if serving else ""
        with place.target.reach() as url:
            report = health.examine(place.environment, url, instances, serving, expected)
    print(report)
    end(0 if report.healthy else Code.FAILED)


def logs(environment: str, lines: int, *, follow: bool) -> None:
    """Print what the instances log."""
    with answering():
        for line in Place.open(environment).target.logs(lines, follow=follow):
            print(line, flush=True)


def loadtest(  # noqa: PLR0913  # each is an option
    environment: str,
    *,
    requests: int,
    concurrency: int,
    rate: float,
    error_rate: float,
    p95: float,
    path: str,
) -> None:
    """Send requests; end with 1 if too many of them fail or are slow."""
    with answering(), Place.open(environment).target.reach() as url:
        result = load.loadtest(
            url,
            requests,
            concurrency,
            rate or None,
            request=Request(path=path),
            error_rate=error_rate,
            p95=p95,
        )
    print(result)
    end(Code.FAILED if result.breaches else 0)


def start(refs: str) -> None:
    """Start deploy.yml for each environment that takes what was published."""
    with answering():
        wanted = dispatch.due(read_environments().values(), refs.split(), source().commit)
        for each in wanted:
            dispatch.start(each)
            print(f"{each.environment}: {each.version}")
    if not wanted:
        print("No environment takes it.")
