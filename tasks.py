"""What a person does with this repository: `inv --list`."""

import contextlib
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import yaml
from copier import run_copy
from copier.errors import CopierError, DirtyLocalWarning
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

ROOT = Path(__file__).parent
DATA_HELP = "an answer as NAME=VALUE; may be repeated"


def answers(data: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping."""
    if wrong := [text for text in data if "=" not in text]:
        message = f"--data {wrong[0]}: write it as NAME=VALUE"
        raise Exit(message, code=2)
    given = dict(text.split("=", 1) for text in data)
    questions = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    if unknown := [name for name in given if name not in questions or name.startswith("_")]:
        # Copier would pass over it in silence.
        message = f"--data {unknown[0]}={given[unknown[0]]}: no question is called {unknown[0]}"
        raise Exit(message, code=2)
    return given


def render(source: Path, destination: Path, data: dict[str, str], *, ask: bool) -> None:
    """Copy the template with these answers, or leave with one sentence about the wrong one."""
    warnings.simplefilter("ignore", DirtyLocalWarning)  # a clone is tried as it is
    try:
        run_copy(str(source), destination, data, vcs_ref="HEAD", defaults=not ask, quiet=True)
    except (ValueError, CopierError) as error:
        raise Exit(str(error), code=2) from None


@task(
    iterable=["data"],
    positional=["path"],
    help={
        "path": "the folder to make; it must be new or empty",
        "data": DATA_HELP,
        "defaults": "ask nothing, take the default of every question that --data leaves open",
    },
)
def new(context: Context, path: str, data: Sequence[str], defaults: bool = False) -> None:
    """Make a project: copy the template, git init, lock, first commit."""
    if path.startswith("-"):
        message = f"new {path}: name a folder first; `inv --help new` tells the options"
        raise Exit(message, code=2)
    destination = Path(path).expanduser().resolve()
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        message = f"{destination} exists and is not empty: choose another folder"
        raise Exit(message, code=2)
    if not context.run("git var GIT_COMMITTER_IDENT", hide=True, warn=True):
        message = "git does not know you: git config --global user.name NAME, and user.email"
        raise Exit(message, code=2)

    destination.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and moved there at the end: what fails half-way leaves nothing.
    with tempfile.TemporaryDirectory(prefix=".slipway-", dir=destination.parent) as folder:
        making = Path(folder, "project")
        print(f"copier copy {ROOT} {destination}")
        render(ROOT, making, answers(data), ask=not defaults)
        with contextlib.chdir(making):  # context.cd() takes a space, yet no quote
            for command in (
                "git init --quiet --initial-branch=main",
                "uv lock --quiet",
                "git add --all",
                "git commit --quiet --message='feat: start from Slipway'",
            ):
                print(command)
                context.run(command)
        making.rename(destination)
    print(f"\nDone. Next: cd {quote(str(destination))} && uv run nox")


@task(iterable=["data"], help={"data": DATA_HELP})
def preview(context: Context, data: Sequence[str]) -> None:
    """Show what the uncommitted changes of the template change in a generated project."""
    with tempfile.TemporaryDirectory() as folder:
        committed = Path(folder, "committed")
        context.run(f"git clone --quiet --shared {quote(str(ROOT))} {committed}")
        for source, name in ((committed, "before"), (ROOT, "after")):
            render(source, Path(folder, name), answers(data), ask=False)
            Path(folder, name, ".copier-answers.yml").unlink()  # tells the two copies apart
        with context.cd(folder):
            # Its status 1 says that there are differences, which is what was asked for.
            difference = context.run("git diff --no-index before after", warn=True, hide=True)
        if difference.stderr:
            raise Exit(difference.stderr, code=difference.exited)
        print(difference.stdout, end="")
