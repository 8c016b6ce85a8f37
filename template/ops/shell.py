"""The only place that starts a process for a deployment."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline import shell

SECONDS = 60.0
"""What a command may take: what hangs for longer has gone away."""


@dataclass(frozen=True)
class Shell:
    """Starts processes, or only says which it would start.

    Who types Ctrl-C means the deployment, which goes back by more commands: it does not reach those
    that are read. One that is started beside ends with it, and with whoever is killed.
    """

    dry_run: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of each."""

    def read(self, *command: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Return what a command prints that changes nothing; it runs in a dry run, too.

        Raises:
            FailedError: it ended with another status than 0, or took too long.
        """
        return shell.read(*command, env=self.env, stdin=stdin, seconds=seconds, apart=True)

    def change(self, *command: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Return what a command prints that changes something; a dry run prints the command.

        Raises:
            FailedError: it ended with another status than 0, or took too long.
        """
        if self.dry_run:
            print(f"$ {shlex.join(command)}")
            return ""
        return self.read(*command, stdin=stdin, seconds=seconds)

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside, its output readable line by line, for as long as the context."""
        try:
            process = subprocess.Popen(
                command,
                env=shell.environment(self.env),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError:
            raise shell.missing(command[0]) from None
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()
