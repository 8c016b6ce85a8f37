"""Every operation on a running system: `uv run inv --list`."""

import json
import sys
from shlex import join

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

PRODUCTION = "compose.yaml alone, without what compose.override.yaml adds for developing"
PORTS = {
    "service": ("app", "8000", "http://"),
    "debugger": ("app", "5678", ""),
    "proxy": ("proxy", "8080", "http://"),
}


def compose(*arguments: str, production: bool = False, proxy: bool = True) -> str:
    """Return a command for the composed system; without `production`, the one for developing."""
    files = ["--file=compose.yaml"] if production else []
    profiles = ["--profile=proxy"] if proxy else []
    return join(["docker", "compose", *files, *profiles, *arguments])


@task(help={"production": PRODUCTION, "proxy": "put the reverse proxy in front of the service"})
def up(context: Context, production: bool = False, proxy: bool = False) -> None:
    """Build and start everything, wait until it is ready, and say where it is."""
    told = context.run(compose("config", "--format=json", production=production), hide=True)
    published = json.loads(told.stdout)["services"]["app"].get("image") if told else None
    source = "--no-build" if production and published else "--build"  # it is taken as it is
    started = compose("up", source, "--wait", production=production, proxy=proxy)
    # What is built for developing must not get the name of something published.
    if not context.run(started, warn=True, env={} if production else {"IMAGE": ""}):
        context.run(compose("logs", "--tail=20", production=production), warn=True)
        message = "It did not start: what it said is above. Is a port taken? Set PUBLISH. inv down"
        raise Exit(message, code=1)
    for name, (service, port, scheme) in PORTS.items():
        where = compose("port", service, port, production=production)
        if found := context.run(where, hide=True, warn=True):
            print(f"{name:<10} {scheme}{found.stdout.strip()}")
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
