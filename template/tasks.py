"""Every operation on a running system: `uv run inv --list`."""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from shlex import join

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

PRODUCTION = "compose.yaml alone, without what compose.override.yaml adds for developing"
PORTS = {
    "service": ("app", "8000", "http://"),
    "debugger": ("app", "5678", ""),
    "proxy": ("proxy", "8080", "http://"),
}
# What publishes no port is reached from inside.
CONSOLES = {"database": ["psql", "--username=app"], "cache": ["redis-cli"]}


def compose(*arguments: str, production: bool = False, proxy: bool = True) -> str:
    """Return a command for the composed system; without `production`, the one for developing."""
    files = ["--file=compose.yaml"] if production else []
    profiles = ["--profile=proxy"] if proxy else []
    return join(["docker", "compose", *files, *profiles, *arguments])


def failed(context: Context, *, production: bool) -> list[str]:
    """Return the services that ended with an error, or are not well."""
    states = "--format={{.Service}} {{.ExitCode}} {{.Health}}"
    told = context.run(compose("ps", "--all", states, production=production), hide=True, warn=True)
    each = [line.split() for line in told.stdout.splitlines()] if told else []
    return [name for name, status, *health in each if status != "0" or health == ["unhealthy"]]


@task(help={"production": PRODUCTION, "proxy": "put the reverse proxy in front of the service"})
def up(context: Context, production: bool = False, proxy: bool = False) -> None:
    """Build and start everything, wait until it is ready, and say where it is."""
    told = context.run(compose("config", "--format=json", production=production), hide=True)
    services = json.loads(told.stdout)["services"] if told else {}
    published = services["app"].get("image") if services else None
    source = "--no-build" if production and published else "--build"  # it is taken as it is
    started = compose("up", source, "--wait", production=production, proxy=proxy)
    # What is built for developing must not get the name of something published.
    if not context.run(started, warn=True, env={} if production else {"IMAGE": ""}):
        broken = failed(context, production=production)
        if not broken:
            raise Exit(
                "It did not start: see above. Is a port taken? Set PUBLISH. inv down", code=1
            )
        context.run(compose("logs", "--tail=20", *broken, production=production), warn=True)
        raise Exit(f"Not started: {' and '.join(broken)}, with these last words. inv down", code=1)
    for name, (service, port, scheme) in PORTS.items():
        where = compose("port", service, port, production=production)
        if found := context.run(where, hide=True, warn=True):
            print(f"{name:<10} {scheme}{found.stdout.strip()}")
    for name, console in CONSOLES.items():
        if name in services:
            command = compose("exec", name, *console, production=production, proxy=False)
            print(f"{name:<10} {command}")
    if not production:
        print("Saving a file in src/ starts the service anew.")


@task(help={"volumes": "delete what it stored, too"})
def down(context: Context, volumes: bool = False) -> None:
    """Stop everything and take it away; what it stored stays."""
    context.run(compose("down", *(["--volumes"] if volumes else [])))


@task(help={"follow": "go on until Ctrl-C", "service": "one of compose.yaml; default: all"})
def logs(context: Context, follow: bool = False, service: str = "") -> None:
    """Show what the composed system logs."""
    follows = ["--follow"] if follow else ["--tail=100"]
    context.run(compose("logs", *follows, *([service] if service else [])), pty=sys.stdout.isatty())


# Before the end of this file, which is the project's own; after `logs`, which gives way to theirs.
if Path(__file__).with_name("ops").is_dir():  # not every project deploys what it publishes
    import_module("ops.usage").install()
    of_ops = Collection.from_module(import_module("ops.tasks")).tasks.values()
    globals().update({each.__name__: each for each in of_ops})


@task(
    iterable=["data"],
    auto_shortflags=False,
    help={
        "check": "only tell whether there is a newer version, by status 1",
        "data": "an answer that changes, as NAME=VALUE; may be repeated",
        "to": "a version of the template, like 0.2.0; default: the newest release",
    },
)
def template_update(
    context: Context, data: Sequence[str], check: bool = False, to: str = ""
) -> None:
    """Take in what is new in the template: merged, locked anew, and proved by the fast sessions."""
    options = [*(["--check"] if check else []), *(f"--data={each}" for each in data)]
    command = [sys.executable, "-m", "pipeline.template", f"--to={to}", *options]
    done = context.run(join(command), warn=True)
    raise Exit(code=done.exited if done else 2)


@task(
    positional=["image"],
    help={
        "image": "a published image, by tag or digest",
        "key": "the public key to trust; default: cosign.pub, or else publish.yml of this project",
    },
)
def verify(context: Context, image: str, key: str = "") -> None:
    """Check who signed an image and what it was built from, before it is used anywhere."""
    command = [sys.executable, "-m", "pipeline.signature", image, *([key] if key else [])]
    if not context.run(join(command), warn=True):
        raise Exit(code=1)
