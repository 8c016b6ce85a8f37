"""Deployments as tasks, which tasks.py takes in: `uv run inv --list`.

They end with 0 when it is done, 1 when the release failed and the previous one serves, 2 when
nothing was touched, 3 when somebody else is at work, and 4 when a person has to look.

What they need is loaded when they run, so that `inv --list` takes no time.
"""

import json
import sys
from datetime import UTC, datetime

from invoke.context import Context
from invoke.tasks import task

ENVIRONMENT = "one of deploy/environments.toml, like staging"
YES = "do not ask, where the environment asks for confirmation"
HOLD = "stay at each stop until `inv promote`"


@task(
    help={
        "environment": ENVIRONMENT,
        "version": "a published one, like 1.2.3, or another tag of the image, like main-1a2b3c4",
        "dry-run": "check everything, print what would change and run, and change nothing",
        "hold": HOLD,
        "yes": YES,
    },
    auto_shortflags=False,
)
def deploy(
    _: Context,
    environment: str,
    version: str,
    dry_run: bool = False,
    hold: bool = False,
    yes: bool = False,
) -> None:
    """Bring a release to an environment: checked, watched, undone if it does not hold."""
    from ops import deployment
    from ops.verbs import confirm, end, opened

    with opened(environment, dry_run=dry_run) as place:
        if dry_run:
            deployment.rehearse(place, version)
            return
        confirm(place, f"deploy {version} to {environment}", yes=yes)
        end(deployment.deploy(place, version, hold=hold))


@task(
    help={
        "environment": ENVIRONMENT,
        "to": "a version or number of `inv history`; default: what served before",
        "yes": YES,
    },
    auto_shortflags=False,
)
def rollback(_: Context, environment: str, to: str = "", yes: bool = False) -> None:
    """Serve an earlier release again, from its recorded manifest."""
    from ops import deployment
    from ops.verbs import confirm, end, opened

    with opened(environment) as place:
        confirm(place, f"roll {environment} back{f' to {to}' if to else ''}", yes=yes)
        end(deployment.rollback(place, to))


@task(help={"environment": ENVIRONMENT, "hold": HOLD}, auto_shortflags=False)
def promote(_: Context, environment: str, hold: bool = False) -> None:
    """Let a release that is held go on."""
    from ops import deployment
    from ops.verbs import end, opened

    with opened(environment) as place:
        end(deployment.promote(place, hold=hold))


@task(
    help={
        "environment": ENVIRONMENT,
        "leave": "touch nothing: what is stuck is recorded as failed, and a person has seen to it",
    },
    auto_shortflags=False,
)
def abort(_: Context, environment: str, leave: bool = False) -> None:
    """Take back a deployment that is under way, held or was interrupted."""
    from ops import deployment
    from ops.verbs import end, opened

    with opened(environment) as place:
        end(deployment.leave(place) if leave else deployment.abort(place))


@task(help={"environment": ENVIRONMENT, "yes": YES}, auto_shortflags=False)
def unlock(_: Context, environment: str, yes: bool = False) -> None:
    """Take the lock from whoever holds it; who died loses it without that."""
    from ops import deployment
    from ops.verbs import confirm, opened

    with opened(environment) as place:
        confirm(place, f"unlock {environment}", yes=yes)
        print(deployment.take_lock(place, anyway=yes))


@task(help={"environment": ENVIRONMENT}, auto_shortflags=False)
def status(_: Context, environment: str) -> None:
    """Show what serves, what is under way, the lock, and every instance."""
    from ops import overview
    from ops.verbs import opened

    with opened(environment) as place:
        print(overview.status(place))


@task(
    help={"environment": ENVIRONMENT, "number": "how many; default: 20", "as-json": "for machines"},
    auto_shortflags=False,
)
def history(_: Context, environment: str, number: int = 20, as_json: bool = False) -> None:
    """Show what was deployed: when, by whom, from where, with what outcome."""
    from ops import overview
    from ops.verbs import opened

    with opened(environment) as place:
        print(overview.history(place, number, as_json=as_json))


@task(
    help={
        "environment": ENVIRONMENT,
        "days": "how far back; default: 30",
        "as-json": "for machines",
    },
    auto_shortflags=False,
)
def figures(_: Context, environment: str, days: int = 30, as_json: bool = False) -> None:
    """Show how often is deployed, how fast, how much of it fails, and for how long."""
    from ops.figures import figures as measured
    from ops.verbs import opened

    with opened(environment) as place:
        found = measured(place.ledger.entries(), datetime.now(UTC), days)
        print(json.dumps(found.as_json()) if as_json else found)


@task(help={"environment": ENVIRONMENT}, auto_shortflags=False)
def health(_: Context, environment: str) -> None:
    """Check end points, response times, certificate, replicas and version."""
    from ops import overview
    from ops.verbs import end, opened

    with opened(environment) as place:
        report = overview.health(place)
        print(report)
        end(0 if report.healthy else 1)


@task(
    help={
        "environment": "one of deploy/environments.toml; default: local, what `inv up` started",
        "follow": "go on until Ctrl-C",
        "lines": "how many of each instance; default: 100",
    },
    positional=["environment"],
    auto_shortflags=False,
)
def logs(
    context: Context, environment: str = "local", follow: bool = False, lines: int = 100
) -> None:
    """Show what the instances of the service log."""
    if environment == "local":
        follows = " --follow" if follow else ""
        context.run(f"docker compose logs --tail={lines}{follows}", pty=sys.stdout.isatty())
        return
    from ops.verbs import opened

    with opened(environment) as place:
        for line in place.target.logs(lines, follow=follow):
            print(line, flush=True)


@task(
    help={
        "environment": ENVIRONMENT,
        "requests": "how many; default: 100",
        "concurrency": "how many at a time; default: 10",
        "rate": "how many a second, like 5 or 0.5; default: as many as can be",
        "error-rate": "the share that may fail, 0 to 1; default: 0.01",
        "p95": "seconds in which 95 % must be answered; default: 1.0",
        "path": "what is asked for; default: /readyz",
    },
    auto_shortflags=False,
)
def loadtest(  # noqa: PLR0913, PLR0917  # each is an option
    _: Context,
    environment: str,
    requests: int = 100,
    concurrency: int = 10,
    rate: float = 0.0,
    error_rate: float = 0.01,
    p95: float = 1.0,
    path: str = "/readyz",
) -> None:
    """Send requests, many at a time; fail if too many fail or are slow."""
    from ops.load import asking
    from ops.load import loadtest as load
    from ops.verbs import end, opened

    with opened(environment) as place, place.target.reach() as url:
        result = load(
            url,
            requests,
            concurrency,
            rate or None,
            request=asking(path),
            error_rate=error_rate,
            p95=p95,
        )
        print(result)
        end(1 if result.breaches else 0)


@task(
    help={"refs": "git's full names of what was published, with spaces between"},
    auto_shortflags=False,
)
def dispatch(_: Context, refs: str) -> None:
    """Start deploy.yml for each environment that takes what was published."""
    from ops import dispatch as published
    from ops.model import read_environments
    from ops.verbs import answering
    from pipeline.image import source

    with answering():
        wanted = published.due(read_environments().values(), refs.split(), source().commit)
        for each in wanted:
            published.start(each)
            print(f"{each.environment}: {each.version}")
        if not wanted:
            print("No environment takes it.")
