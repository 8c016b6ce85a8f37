"""Deployments as tasks, which tasks.py takes in: `uv run inv --list`.

They end with 0 when it is done, 1 when the release failed and the previous one serves, 2 when
nothing was touched, 3 when somebody else is at work, and 4 when a person has to look.

What they need is loaded when they run, so that `inv --list` takes no time.
"""

import sys

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
    }
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
    from ops import verbs

    verbs.deploy(environment, version, dry_run=dry_run, hold=hold, yes=yes)


@task(
    help={
        "environment": ENVIRONMENT,
        "to": "a version or number of `inv history`; default: what served before",
        "yes": YES,
    }
)
def rollback(_: Context, environment: str, to: str = "", yes: bool = False) -> None:
    """Serve an earlier release again, from its recorded manifest."""
    from ops import verbs

    verbs.rollback(environment, to, yes=yes)


@task(help={"environment": ENVIRONMENT, "hold": HOLD})
def promote(_: Context, environment: str, hold: bool = False) -> None:
    """Let a release that is held go on."""
    from ops import verbs

    verbs.promote(environment, hold=hold)


@task(help={"environment": ENVIRONMENT})
def abort(_: Context, environment: str) -> None:
    """Take back a deployment that is under way, held or was interrupted."""
    from ops import verbs

    verbs.abort(environment)


@task(help={"environment": ENVIRONMENT, "yes": YES})
def unlock(_: Context, environment: str, yes: bool = False) -> None:
    """Take the lock from whoever holds it; who died loses it without that."""
    from ops import verbs

    verbs.unlock(environment, yes=yes)


@task(help={"environment": ENVIRONMENT})
def status(_: Context, environment: str) -> None:
    """Show what serves, what is under way, the lock, and every instance."""
    from ops import verbs

    verbs.status(environment)


@task(help={"environment": ENVIRONMENT, "number": "how many", "as-json": "for machines"})
def history(_: Context, environment: str, number: int = 20, as_json: bool = False) -> None:
    """Show what was deployed: when, by whom, from where, with what outcome."""
    from ops import verbs

    verbs.history(environment, number, as_json=as_json)


@task(help={"environment": ENVIRONMENT, "days": "how far back", "as-json": "for machines"})
def figures(_: Context, environment: str, days: int = 30, as_json: bool = False) -> None:
    """Show how often is deployed, how fast, how much of it fails, and for how long."""
    from ops import verbs

    verbs.delivery(environment, days, as_json=as_json)


@task(help={"environment": ENVIRONMENT})
def health(_: Context, environment: str) -> None:
    """Check end points, response times, certificate, replicas and version."""
    from ops import verbs

    verbs.examine(environment)


@task(
    help={
        "environment": "one of deploy/environments.toml; local: what `inv up` started",
        "follow": "go on until Ctrl-C",
        "lines": "how many of each instance",
    }
)
def logs(context: Context, environment: str, follow: bool = False, lines: int = 100) -> None:
    """Show what the instances of the service log."""
    if environment == "local":
        follows = " --follow" if follow else ""
        context.run(f"docker compose logs --tail={lines}{follows}", pty=sys.stdout.isatty())
        return
    from ops import verbs

    verbs.logs(environment, lines, follow=follow)


@task(
    help={
        "environment": ENVIRONMENT,
        "requests": "how many",
        "concurrency": "how many at a time",
        "rate": "how many a second; default: as many as can be",
        "error-rate": "the share that may fail",
        "p95": "seconds in which 95 % must be answered",
        "path": "what is asked for",
    }
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
    from ops import verbs

    verbs.loadtest(
        environment,
        requests=requests,
        concurrency=concurrency,
        rate=rate,
        error_rate=error_rate,
        p95=p95,
        path=path,
    )


@task(help={"refs": "git's full names of what was published, with spaces between"})
def dispatch(_: Context, refs: str) -> None:
    """Start deploy.yml for each environment that takes what was published."""
    from ops import verbs

    verbs.start(refs)
