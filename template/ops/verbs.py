"""How each task begins and ends: it opens an environment; a code and a sentence are the end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from invoke.exceptions import Exit

from ops.deployment import Code
from ops.lock import LockedError, LostError
from ops.place import Place
from pipeline.shell import FailedError

INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C has ended."""


@contextmanager
def answering() -> Iterator[None]:
    """End the process with one sentence and the right code, whatever goes wrong."""
    if isinstance(sys.stdout, TextIOWrapper):  # a word that its encoding lacks stops nothing
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, where what goes wrong with it is known
    except KeyboardInterrupt:
        raise Exit(code=INTERRUPTED) from None
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except LockedError as error:
        raise Exit(f"locked: {error}", code=Code.LOCKED) from None
    except LostError as error:
        raise Exit(str(error), code=Code.STUCK) from None
    except FailedError as error:
        raise Exit(str(error), code=Code.REFUSED) from None


@contextmanager
def opened(environment: str, *, dry_run: bool = False) -> Iterator[Place]:
    """Open an environment, and end as `answering` does.

    A command that failed is no answer where its target is not there at all.
    """
    with answering():
        place = Place.open(environment, dry_run=dry_run)
        try:
            yield place
        except LockedError as error:
            msg = f"{error}: wait until it has ended, or `inv abort {environment}`"
            raise LockedError(msg) from None
        except FailedError as error:
            if error.said:
                place.target.answers()
            raise


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
