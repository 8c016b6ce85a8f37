"""Start the processes of the pipeline, and say what runs."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CONTAINERS = ("docker", "compose", "--file=pipeline/compose.yaml", "run", "--rm", "--no-TTY")
MOUNTED = {"DOCKER_CONFIG": "~/.docker", "TRIVY_CACHE_DIR": "~/.cache/trivy"}
OWNER = {"UID": str(os.getuid()), "GID": str(os.getgid())}


class FailedError(Exception):
    """A step that cannot be done; the message says what, where and what to do."""

    said: str = ""
    """All that a command said before it failed."""


def tool(name: str) -> list[str]:
    """Return the command of a tool: what is on PATH, else the container of that name."""
    if shutil.which(name):
        return [name]
    for variable, folder in MOUNTED.items():  # the engine would make them, for root
        Path(os.environ.get(variable, folder)).expanduser().mkdir(parents=True, exist_ok=True)
    return [*CONTAINERS, name]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process: this one's, and more."""
    return {**os.environ, **OWNER, **(more or {})}


def run(*command: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command; its output goes where this process's goes.

    Raises:
        FailedError: it ended with another status than 0.
    """
    print(f"$ {shlex.join(command)}", flush=True)
    try:
        status = subprocess.run(command, env=environment(env), check=False).returncode
    except FileNotFoundError:
        raise missing(command[0]) from None
    if status:
        msg = f"{' '.join(command[:3])} … left with status {status}: its own words are above"
        raise FailedError(msg)


def read(
    *command: str,
    env: Mapping[str, str] | None = None,
    fatal: str | None = None,
    stdin: str | None = None,
    seconds: float | None = None,
    apart: bool = False,
) -> str:
    """Return what a command prints on its standard output, without space around it.

    Args:
        command: the program and its arguments.
        env: added to the environment.
        fatal: a regex for lines of its standard error that are a failure, whatever its status.
        stdin: what it is given on its standard input.
        seconds: how long it may take; None for as long as it likes.
        apart: whether Ctrl-C at the terminal is for this process alone, and not for the command.

    Raises:
        FailedError: it ended with another status than 0; the message is its last word.
    """
    try:
        with subprocess.Popen(
            command,
            env=environment(env),
            stdin=None if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=apart,
        ) as process:
            try:
                out, err = process.communicate(stdin, seconds)
            except BaseException:
                process.kill()
                if apart:  # and what it has started
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
    except subprocess.TimeoutExpired:
        msg = f"{' '.join(command[:3])} … did not answer within {seconds:.0f} s"
        raise FailedError(msg) from None
    except FileNotFoundError:
        raise missing(command[0]) from None
    wrong = [line for line in err.splitlines() if fatal and re.search(fatal, line)]
    if process.returncode or wrong:
        lines = (err.strip() or out.strip() or "no word").splitlines()
        words = wrong[-1:] or [each for each in lines if re.match("error: |fatal: ", each)]
        noise = r"^.*\t(FATAL|ERROR)\t|^ERROR: |^error: |^fatal: |^error during command execution: "
        plain = [" ".join(re.sub(noise, "", each).split()) for each in words or lines[-1:]]
        error = FailedError(f"{command[0]} says: {'; '.join(plain)}")
        error.said = err + out
        raise error
    return out.strip()


def missing(program: str) -> FailedError:
    """Return the error for a program that is not on PATH."""
    return FailedError(f"{program} is not on PATH: install it first")
